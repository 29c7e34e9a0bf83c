"""Which file of the repository is which page of the site, and where its links lead there."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path, PurePosixPath

LANGUAGES = ("en", "zh")
OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:|#")
IMAGE = re.compile(r"(!\[[^\]]*\]\()([^)\s]+)([^)]*\))")
LINK = re.compile(r"((?<!!)\[(?:[^\[\]]|!?\[[^\]]*\])*\]\()([^)\s]+)([^)]*\))")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.M | re.S)
CHINESE = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
BROKEN_CHINESE = re.compile(rf"(?<={CHINESE})\n[ ]*(?={CHINESE})")  # Markdown would make it a blank
BOOSTS = {"course": 3, "howto": 3, "faq.md": 3, "glossary.md": 4, "results": 0.3, "reference": 0.2, "changelog.md": 0.2}
SOURCE_LANGUAGES = {".py": "python", ".yml": "yaml", ".yaml": "yaml", ".toml": "toml", ".txt": "text", ".csv": "text"}


class Pages:
    """The pages of one language.

    Attributes:
        places: page in the site by file in the repository, both as POSIX paths.
    """

    def __init__(self, root: Path, language: str) -> None:
        self.root, self.language = root, language
        self.places = dict(found(root, language))
        other = LANGUAGES[1 - LANGUAGES.index(language)]
        self.other = {file: f"{other}/{place}" for file, place in found(root, other)}
        self.copied: set[str] = set()
        self.shown: set[str] = set()

    def write(self, folder: Path) -> None:
        """Every page with its links turned, the pictures they show and the sources they quote."""
        folder.mkdir(parents=True, exist_ok=True)
        for file, place in self.places.items():
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            boost = BOOSTS.get(place.partition("/")[0], 1)
            target.write_text(f"---\nsearch:\n  boost: {boost}\n---\n{self.turned(file)}", encoding="utf-8")
        for file in self.copied:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.root / file, folder / file)
        for file in self.shown:
            (folder / source_page(file)).parent.mkdir(parents=True, exist_ok=True)
            (folder / source_page(file)).write_text(shown(self.root / file, file), encoding="utf-8")
        shutil.copy(self.root / "docs" / "site" / "site.css", folder / "site.css")

    def turned(self, file: str) -> str:
        """The text of a page with links as the site has them."""
        text = (self.root / file).read_text(encoding="utf-8")
        parts, last = [], 0
        for code in CODE.finditer(text):
            parts += [self._links(text[last : code.start()], file), code[0]]
            last = code.end()
        return "".join([*parts, self._links(text[last:], file)])

    def _links(self, text: str, file: str) -> str:
        for pattern in (IMAGE, LINK):  # a picture may stand within a link
            text = pattern.sub(lambda found: found[1] + self.link(found[2], file) + found[3], text)
        return BROKEN_CHINESE.sub("", text)

    def link(self, target: str, file: str) -> str:
        """Where ``target``, written in ``file``, leads in the site.

        Raises:
            FileNotFoundError: nowhere.
        """
        if OUTSIDE.match(target):
            return target
        path, hash_, anchor = target.partition("#")
        meant = PurePosixPath(os.path.normpath(os.path.join(os.path.dirname(file), path))).as_posix()
        if (self.root / meant).is_dir():
            meant = f"{meant}/README.md"
        here = self.places[file]
        if meant in self.places:
            return relative(self.places[meant], here) + hash_ + anchor
        if meant in self.other:
            # Another build: the address of the page, not of its file. A page is a folder there, and so is this one.
            up = "../" * (depth(here) + 1)
            return up + address(self.other[meant]) + hash_ + anchor
        if not (self.root / meant).is_file():
            raise FileNotFoundError(f"{file} links to {target}, which does not exist")
        if meant.rpartition(".")[2] in ("png", "svg", "jpg", "gif", "ipynb", "json"):
            meant = self.own_picture(meant)
            self.copied.add(meant)
            return relative(meant, here)
        self.shown.add(meant)
        return relative(source_page(meant), here)

    def own_picture(self, file: str) -> str:
        """The Chinese one of a picture that has one, on a page that is there in English only."""
        base, _, ending = file.rpartition(".")
        chinese = f"{base}_zh.{ending}"
        return chinese if self.language == "zh" and (self.root / chinese).is_file() else file


def found(root: Path, language: str) -> list[tuple[str, str]]:
    """``(file in the repository, page in the site)`` of one language; what is in one language only is in both."""
    pairs: dict[str, str] = {}
    files = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "configs").rglob("*.md")]
    for path in sorted(files):
        file = path.relative_to(root).as_posix()
        base, own = place_of(file)
        if own == language or base not in pairs.values():
            pairs = {f: p for f, p in pairs.items() if p != base}
            pairs[file] = base
    return sorted(pairs.items())


def place_of(file: str) -> tuple[str, str]:
    """``(page, language)``: course/en/day1.md and course/zh/day1.md are one page."""
    path, language = file, "en"
    if path.endswith("_zh.md"):
        path, language = path.replace("_zh.md", ".md"), "zh"
    for name in LANGUAGES:
        if f"/{name}/" in path:
            path, language = path.replace(f"/{name}/", "/"), name
    parts = path.split("/")
    if parts[0] == "docs":
        parts = parts[1:]
    elif parts[0] == "configs":
        parts = ["models", f"{parts[1]}.md"] if len(parts) == 3 else ["models", *parts[1:]]
    else:
        parts = [parts[0].lower()]
    page = "/".join(parts)
    return re.sub(r"(^|/)readme\.md$", r"\1index.md", page, flags=re.I), language


def relative(target: str, here: str) -> str:
    return PurePosixPath(os.path.relpath(target, os.path.dirname(here) or ".")).as_posix()


def depth(page: str) -> int:
    """Folders between a page's address and the top of its language: a page is a folder with an index."""
    return address(page).count("/")


def address(page: str) -> str:
    """``course/day1.md`` -> ``course/day1/``; an index is its folder."""
    return re.sub(r"(^|/)index/$", r"\1", page[: -len(".md")] + "/")


def source_page(file: str) -> str:
    return f"source/{file}.md"


def shown(path: Path, file: str) -> str:
    """A source file as a page of its own, kept out of the search."""
    language = SOURCE_LANGUAGES.get(path.suffix, "text")
    fence = "`" * 5
    text = path.read_text(encoding="utf-8")
    return f"---\nsearch:\n  exclude: true\n---\n# {file}\n\n{fence}{language}\n{text}\n{fence}\n"
