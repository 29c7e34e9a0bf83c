"""The contract of the docstring: what a part does, each of its arguments, and where it comes from."""

from __future__ import annotations

import inspect
import re
import sys

import pytest

from paddleseg_lite.registry import BACKBONES, CONTEXTS, LOSSES, MODELS
from tests.contracts.found import REGISTRIES, names

PARTS = [(registry, name) for registry in REGISTRIES.values() for name in names(registry)]
FROM_PAPERS = [(registry, name) for registry, name in PARTS if registry in (MODELS, BACKBONES, CONTEXTS, LOSSES)]
SOURCE = re.compile(r"arXiv:\d|https?://|\b(19|20)\d\d\b|\bSource: |PaddleSeg|torchvision|the course")


def parts(pairs):
    return pytest.mark.parametrize(("registry", "name"), pairs, ids=[f"{r.kind} {n}" for r, n in pairs])


def where_it_is_told(entry) -> str:
    """Docstrings of an entry, its module, and its base classes; of a factory also those of what it returns."""
    kind = entry if inspect.isclass(entry) else returned(entry)
    told = [entry.__doc__, module_of(entry).__doc__]
    for base in getattr(kind, "__mro__", ()):
        if base.__module__.partition(".")[0] not in ("builtins", "paddle"):
            told += [base.__doc__, module_of(base).__doc__]
    return "\n".join(text for text in told if text)


def returned(factory):
    """What a function says it returns, by name: Python 3.9 cannot read all of its types."""
    named = factory.__annotations__.get("return")
    return getattr(module_of(factory), named, None) if isinstance(named, str) else named


def module_of(entry):
    return sys.modules[entry.__module__]


@parts(PARTS)
def test_the_first_line_is_a_sentence(registry, name):
    own = registry.get(name).__dict__.get("__doc__") or registry.get(name).__doc__
    assert own and own == registry.get(name).__doc__, f"{name} has no docstring of its own"
    paragraph = inspect.cleandoc(own).split("\n\n")[0]
    assert len(paragraph) > 15 and paragraph.rstrip().endswith((".", ":")), paragraph


@parts(PARTS)
def test_every_argument_is_told(registry, name):
    told = where_it_is_told(registry.get(name))
    silent = [a for a in registry.arguments(name)[0] if not re.search(rf"(?<!\w){re.escape(a)}(?!\w)", told)]
    assert not silent, f"{name}: no docstring says what {', '.join(silent)} is"


@parts(FROM_PAPERS)
def test_the_source_is_named(registry, name):
    entry = registry.get(name)
    own = f"{entry.__doc__}\n{module_of(entry).__doc__}"
    assert SOURCE.search(own), f"{name}: name the paper (arXiv, year), an address, or write 'Source: ...'"
