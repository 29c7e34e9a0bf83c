"""COCO's categories and our class ids."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from ...errors import DataError
from .names import IGNORE, is_background, similar_names, tidy, with_background
from .tally import Tally
from .values import id_key, shortened


class Categories:
    """The table from category ids to class ids.

    Categories of one name are one class; one called ``background`` is the background.

    Args:
        listed: COCO's ``categories``.
        wanted: names to keep, in the order of their class ids; all unless given.
        background: whether class 0 is the background (instances) or the first category (panoptic).
        where: the file, for messages.

    Attributes:
        names: of the classes.
        ids: category id -> class id.
        notes: what the user should know.
    """

    def __init__(self, listed: list[dict], wanted: list[str] | None, *, background: bool, where: str):
        self.where, self.notes, self.ids = where, [], {}
        self.known: dict[int | str, str] = {}
        for entry in listed:
            number, name = id_key(entry.get("id")), tidy(entry.get("name"))
            if number is None or not name:
                raise DataError(f"{where}: category {str(entry)[:100]} needs an id and a name.")
            if self.known.get(number, name) != name:
                raise DataError(
                    f"{where}: category {number} is both '{self.known[number]}' and '{name}': one id, one name."
                )
            self.known[number] = name
        self.known = dict(sorted(self.known.items(), key=lambda item: (isinstance(item[0], str), item[0])))
        in_order = list(dict.fromkeys(self.known.values()))
        missing = [n for n in wanted or [] if n not in in_order and not (background and is_background(n))]
        if missing:
            raise DataError(f"{where}: there is no category '{missing[0]}'. There are: {shortened(in_order, 30)}.")
        chosen = in_order if wanted is None else wanted
        self.names = with_background(chosen, where) if background else list(chosen)
        if len(self.names) > IGNORE:
            raise DataError(
                f"{where}: {len(self.names)} classes do not fit into 8-bit labels; choose some with --classes."
            )
        for number, name in self.known.items():
            if background and is_background(name):
                self.ids[number] = 0
            elif name in self.names:
                self.ids[number] = self.names.index(name)
        self._note_twins(listed)

    def class_of(self, category: Any, where: str, tally: Tally) -> int | None:
        """The class of a category id; None, with the reason in the tally, where it has none."""
        number = id_key(category)
        if number not in self.known:
            tally.leave("its category is not in 'categories'", f"{where}, category {category!r:.40}")
        elif number not in self.ids:
            tally.leave(f"'{self.known[number]}' is not among --classes")
        else:
            return self.ids[number]
        return None

    def _note_twins(self, listed: list[dict]) -> None:
        by_name = defaultdict(list)
        for number, name in self.known.items():
            by_name[name].append(str(number))
        for name, numbers in by_name.items():
            if len(numbers) > 1:
                self.notes.append(
                    f"categories {' and '.join(numbers)} have the same name, '{name}': they are one class"
                )
        self.notes += similar_names(Counter(str(entry.get("name")) for entry in listed))
