"""The recipes that come with the package, by name: ``unet/unet_scenes`` or just ``unet_scenes``."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ..files import expanded

_PACKAGE = Path(__file__).resolve().parents[1]
QUICK_START = "quick_start/unet_scenes"


@lru_cache(maxsize=1)
def recipe_folder() -> Path:
    """Where they are: in the installed package, or in the checkout around it."""
    installed = _PACKAGE / "configs"
    return installed if installed.is_dir() else _PACKAGE.parent / "configs"


@lru_cache(maxsize=1)
def shipped_recipes() -> dict[str, Path]:
    """``{"unet/unet_scenes": file, ...}``; files that recipes are based on are left out."""
    folder = recipe_folder()
    found = {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.yml"))}
    return {name: path for name, path in found.items() if not any(part.startswith("_") for part in name.split("/"))}


def recipes_like(name: str | Path) -> str:
    """A sentence with the shipped recipes in the folder of that name (``unet``), empty where there is none."""
    wanted = Path(name).with_suffix("").name.lower()
    inside = [known for known in shipped_recipes() if known.partition("/")[0] == wanted]
    return f" Recipes of that network: {', '.join(inside)}." if inside else ""


def find_recipe(name: str | Path) -> Path:
    """The file that ``name`` means: an existing one, else the shipped recipe of that name, else ``name`` as it is.

    ``configs/`` in front and ``.yml`` behind may be there or not; the folder may be left out where the name is
    in one folder only.
    """
    path = expanded(name)
    if path.exists():
        return path
    wanted = path.with_suffix("") if path.suffix in (".yml", ".yaml") else path
    text = wanted.as_posix()
    text = text[len("configs/") :] if text.startswith("configs/") else text
    shipped = shipped_recipes()
    if text in shipped:
        return shipped[text]
    same = [file for known, file in shipped.items() if known.rpartition("/")[2] == text]
    return same[0] if len(same) == 1 else path
