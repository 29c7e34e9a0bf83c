"""Recipes: YAML files read, merged over their bases and checked into a :class:`Config`.

May import: registry, errors. Parts of recipes are known by their registries alone.
A new key is a field of :class:`schema.Config`; its use is in the room that it concerns.
"""

from .checking import check_components
from .loading import load_config
from .parsing import parse_config
from .recipes import find_recipe
from .schema import Config, TestConfig

__all__ = ["Config", "TestConfig", "check_components", "find_recipe", "load_config", "parse_config"]
