"""The converters, made known to :mod:`paddleseg_lite.weights`.

It imports this module when a file of another origin is first met.
"""

from __future__ import annotations

from ..weights import origins
from .conversion import Conversion
from .paddleseg_weights import from_paddleseg, looks_like_paddleseg
from .vision_weights import from_paddle_vision, from_torchvision, looks_like_paddle_mobilenet

CONVERTERS = {"paddleseg": from_paddleseg, "torchvision": from_torchvision, "paddle.vision": from_paddle_vision}

__all__ = ["CONVERTERS", "Conversion", "from_paddle_vision", "from_paddleseg", "from_torchvision"]


def _extend(name: str, detect) -> None:
    """Recognise an origin by ``detect`` too."""
    known = origins.ORIGINS[name].detect
    origins.register(name, detect=lambda state: known(state) or detect(state))


for _name, _convert in CONVERTERS.items():
    origins.register(_name, convert=lambda state, layer, convert=_convert: convert(state, layer).state)
_extend("paddleseg", looks_like_paddleseg)
_extend("paddle.vision", looks_like_paddle_mobilenet)
