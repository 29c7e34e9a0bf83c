"""Names and paths that docstrings, comments and pages refer to exist."""

from __future__ import annotations

import importlib
import re
import sys

import pytest

sys.path.insert(0, __file__.rpartition("/")[0])
from pages import ROOT, pages, text_of

SOURCES = sorted((ROOT / "paddleseg_lite").rglob("*.py"))
REFERENCE = re.compile(r":(?:mod|class|func|meth|data):`~?([\w.]+)`")
PATH = re.compile(
    r"(?<![\w/.])((?:tools|configs|docs|tests|benchmarks|paddleseg_lite)/[\w./-]+\.(?:py|md|yml|json|png|svg))"
)
OTHERS = {"docs/results/upstream_configs.md"}  # lists files of another project
MADE_LATER = {"configs/my_data.yml", "docs/results/camvid.md"}  # by the reader; when its runs have ended
MADE_LATER |= set(re.findall(r"^`(paddleseg_lite/[\w/]+\.py)`: ", text_of(ROOT / "docs" / "extending.md"), re.M))


def module_name(path) -> str:
    name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    return name.removesuffix(".__init__")


def resolve(dotted: str):
    """The object of an absolute dotted name; raises ImportError or AttributeError."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        try:
            found = importlib.import_module(name)
        except ModuleNotFoundError as e:
            if not name.startswith(e.name or ""):
                raise
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise ImportError(dotted)


def found(target: str, path) -> bool:
    """``.name`` starts at the package of the file; ``a.b`` is absolute or a name of the file; ``b`` may be a member."""
    module = importlib.import_module(module_name(path))
    package = module.__name__ if path.name == "__init__.py" else module.__name__.rpartition(".")[0]
    if target.startswith("."):
        candidates = [package + target]
    elif target.startswith("paddleseg_lite"):
        candidates = [target]
    else:
        classes = [n for n, v in vars(module).items() if isinstance(v, type)]
        candidates = [f"{module.__name__}.{target}", f"{package}.{target}"]
        candidates += [f"{module.__name__}.{c}.{target}" for c in classes]
    for candidate in candidates:
        try:
            resolve(candidate)
        except (ImportError, AttributeError):
            continue
        return True
    return False


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if REFERENCE.search(text_of(p))], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_references_in_docstrings_resolve(path):
    missing = [t for t in REFERENCE.findall(text_of(path)) if not found(t, path)]
    assert not missing


def test_paths_in_pages_sources_and_recipes_exist():
    """Wherever the project names a file of its own, the file is there."""
    readers = [*pages(), *SOURCES, *(ROOT / "configs").rglob("*.yml"), *(ROOT / "tests").rglob("*.py")]
    missing, seen = [], 0
    for reader in readers:
        name = reader.relative_to(ROOT).as_posix()
        if name in OTHERS or name == "CHANGELOG.md":
            continue
        for path in PATH.findall(text_of(reader)):
            seen += 1
            if not (ROOT / path).exists() and path not in MADE_LATER:
                missing.append(f"{name}: {path}")
    assert seen > 300
    assert not missing
