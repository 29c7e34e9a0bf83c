"""Registry: strict arguments, nearest matches, offered arguments."""

import pytest

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.registry import Registry


class Base:
    def __init__(self, *, color="red"):
        self.color = color


class Thing(Base):
    def __init__(self, *, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size


@pytest.fixture
def registry():
    r = Registry("thing")
    r.register(Thing)
    return r


def test_build_follows_kwargs_to_the_base_class(registry):
    thing = registry.build({"type": "Thing", "size": 3, "color": "blue"})
    assert (thing.size, thing.color) == (3, "blue")


def test_offered_arguments_fill_gaps_only(registry):
    assert registry.build({"type": "Thing"}, offered={"size": 1, "weight": 9}).size == 1
    assert registry.build({"type": "Thing", "size": 2}, offered={"size": 1}).size == 2


@pytest.mark.parametrize(
    "spec, expected",
    [
        ("Thingg", "Did you mean 'Thing'"),
        ({"type": "Thing", "size": 1, "colour": 2}, "no argument 'colour'. Did you mean 'color'"),
        ({"type": "Thing"}, "needs the argument size"),
        ({"size": 1}, "{type: NAME, ...}"),
        (3, "{type: NAME, ...}"),
    ],
)
def test_mistakes(registry, spec, expected):
    with pytest.raises(ConfigError) as error:
        registry.build(spec)
    assert expected in str(error.value)


def test_an_entry_tells_its_small_arguments(registry):
    registry.register(Base, name="Small", small={"color": "grey"})
    assert registry.small("Small") == {"type": "Small", "color": "grey"}
    assert registry.build(registry.small("Small")).color == "grey"
    assert registry.small("Thing") == {"type": "Thing"}
    registry.small("Small")["color"] = "red"
    assert registry.small("Small")["color"] == "grey"
    with pytest.raises(ConfigError, match="Did you mean 'Small'"):
        registry.small("Smal")


def test_a_name_is_taken_once(registry):
    with pytest.raises(ConfigError, match="already registered"):
        registry.register(Base, name="Thing")
