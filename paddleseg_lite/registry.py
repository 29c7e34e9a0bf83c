"""Names to classes: ``REGISTRY.build({"type": "UNet", "num_classes": 11})``.

One :class:`Registry` per kind of part. ``build`` checks every argument against
the signature of the class before calling it, so that a misspelt key is an
error that names the nearest valid one, never a silent default.
"""

from __future__ import annotations

import importlib
import inspect
import threading
from collections.abc import Callable, Mapping
from typing import Any, Union

from .errors import ConfigError, UserError, nearest

Spec = Union[Mapping[str, Any], str]  # how a part is written: ``{"type": NAME, **arguments}``, or its name


class BadArgument(ConfigError):
    """An argument that an entry does not have.

    Attributes:
        argument: its name.
    """

    def __init__(self, message: str, *, argument: str = ""):
        super().__init__(message)
        self.argument = argument


class Registry:
    """A table of classes (or factory functions) of one kind.

    Args:
        kind: what the entries are, as it reads in an error ("model", "loss").
        filled_by: the room whose import registers the shipped entries. It is imported at
            the first look-up, so that whoever holds a registry need not know that room.
        advice: arguments that people expect and no entry has -> what there is instead.
    """

    def __init__(self, kind: str, *, filled_by: str | None = None, advice: Mapping[str, str] | None = None):
        self.kind, self._filled_by = kind, filled_by
        self._own: dict[str, Callable[..., Any]] = {}
        self._small: dict[str, dict[str, Any]] = {}
        self.advice = dict(advice or {})
        self._filling, self._lock = False, threading.RLock()

    @property
    def _entries(self) -> dict[str, Callable[..., Any]]:
        if self._filled_by is not None:
            with self._lock:  # another thread waits; the room itself, which looks things up here, does not
                if not self._filling:
                    self._filling = True
                    try:
                        importlib.import_module(self._filled_by)
                        self._filled_by = None
                    finally:
                        self._filling = False
        return self._own

    def register(
        self,
        entry: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        small: Mapping[str, Any] | None = None,
    ):
        """Add a class or function; usable as ``@R.register`` or ``@R.register(name="X", small={...})``.

        Args:
            entry: the class or function.
            name: what it is called in a recipe; its own name unless given.
            small: arguments of a version that is built and run in a moment: what the contract tests try. Where
                an argument is a folder, a mapping stands for it: ``{path: None for a picture, ids of a label, or
                the text of a list}``.
        """
        if entry is None:
            return lambda e: self.register(e, name=name, small=small)
        key = name or entry.__name__
        if key in self._own and self._own[key] is not entry:
            raise ConfigError(f"{self.kind} '{key}' is already registered by {self._own[key]!r}.")
        self._own[key] = entry
        self._small[key] = {"type": key, **(small or {})}
        return entry

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def names(self) -> list[str]:
        """Return the registered names in alphabetical order."""
        return sorted(self._entries)

    def get(self, name: str) -> Callable[..., Any]:
        """Return the entry of that name.

        Raises:
            ConfigError: the name is unknown; the message has the nearest match.
        """
        if name not in self._entries:
            raise ConfigError(
                f"unknown {self.kind} type '{name}'.{nearest(name, self._entries)} Known: {', '.join(self.names())}. "
                "One of your own is loaded by --import FILE.py."
            )
        return self._entries[name]

    def small(self, name: str) -> dict[str, Any]:
        """The spec of a small version of an entry, as it was registered: ``{"type": name, **arguments}``."""
        self.get(name)
        return {**self._small[name]}

    def accepts(self, name: str, argument: str) -> bool:
        """Whether the entry ``name`` takes a keyword ``argument``."""
        parameters, open_ended = self.arguments(name)
        return open_ended or argument in parameters

    def check(self, spec: Spec, *, offered: Mapping[str, Any] | None = None) -> None:
        """Raise :class:`ConfigError` for an unknown type, unknown argument or missing argument."""
        self._prepare(spec, offered or {})

    def build(self, spec: Spec, *, offered: Mapping[str, Any] | None = None, **given: Any) -> Any:
        """Build the object that ``spec`` describes.

        Args:
            spec: ``{"type": name, **arguments}`` or just the name.
            offered: arguments passed on only where the signature takes them and
                ``spec`` does not set them (``num_classes`` for a context unit, say).
            **given: arguments always passed; ``spec`` may override them.
        """
        entry, arguments = self._prepare(spec, offered or {}, given)
        try:
            return entry(**arguments)
        except UserError:
            raise
        except Exception as e:  # a text for a number, a width of zero or below, a list too short, ...
            if not (isinstance(e, (TypeError, ValueError, ArithmeticError)) or self._is_ours(entry)):
                raise  # a slip in a user's own file
            raise ConfigError(
                f"{self.kind} {self._shown(spec)} cannot be built: {_first_line(e)}. Check its values."
            ) from e

    @staticmethod
    def _is_ours(entry: Callable[..., Any]) -> bool:
        """Whether it is known to work with sensible values."""
        return entry.__module__.partition(".")[0] == __package__

    def _shown(self, spec) -> str:
        """A spec as it reads in an error: its name and its plain values."""
        if isinstance(spec, str):
            return spec
        plain = {k: v for k, v in spec.items() if k != "type" and isinstance(v, (str, int, float, bool, list, tuple))}
        return f"{spec['type']} {str(plain)[:200]}" if plain else str(spec["type"])

    def arguments(self, name: str) -> tuple[dict[str, inspect.Parameter], bool]:
        """Named parameters of an entry, following ``**kwargs`` up its base classes, and whether it takes any other."""
        entry = self.get(name)
        parameters: dict[str, inspect.Parameter] = {}
        open_ended = False
        functions = [c.__init__ for c in entry.__mro__ if "__init__" in vars(c)] if inspect.isclass(entry) else [entry]
        for function in functions:
            signature = inspect.signature(function)
            open_ended = False
            for parameter in signature.parameters.values():
                if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                    open_ended = True
                elif parameter.kind is not inspect.Parameter.VAR_POSITIONAL and parameter.name != "self":
                    parameters.setdefault(parameter.name, parameter)
            if not open_ended:
                break
        return parameters, open_ended

    def _prepare(self, spec, offered, given=None) -> tuple[Callable[..., Any], dict[str, Any]]:
        if isinstance(spec, str):
            spec = {"type": spec}
        if not isinstance(spec, Mapping) or not isinstance(spec.get("type"), str):
            raise ConfigError(f"a {self.kind} is written as a name or as {{type: NAME, ...}}, but got {spec!r}.")
        name = spec["type"]
        entry = self.get(name)
        parameters, open_ended = self.arguments(name)
        arguments = dict(given or {})
        arguments.update({k: v for k, v in spec.items() if k != "type"})
        for key, value in offered.items():
            if key not in arguments and (key in parameters or open_ended):
                arguments[key] = value
        for key in arguments:
            if key not in parameters and not open_ended:
                advice = self.advice.get(key)
                raise BadArgument(
                    f"{self.kind} {name} has no argument '{key}'."
                    f"{f' {advice}' if advice else nearest(key, parameters)}"
                    f" It takes: {', '.join(parameters) or 'none'}.",
                    argument=key,
                )
        missing = [
            p.name for p in parameters.values() if p.default is inspect.Parameter.empty and p.name not in arguments
        ]
        if missing:
            raise ConfigError(f"{self.kind} {name} needs the argument{'s' * (len(missing) > 1)} {', '.join(missing)}.")
        return entry, arguments


def _first_line(error: Exception) -> str:
    """The line of an error that says something; Paddle's own begin with banners and call stacks."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(("---", "C++", "File", "[", "0 ", "1 "))]
    return (telling or [type(error).__name__])[0].rstrip(".")[:200]


_FREEZE = "To keep the backbone as it is write freeze: backbone at the top of the recipe."
_RATES = (
    "head_lr_mult: 10 trains all but the backbone at ten times the rate; "
    "custom_cfg: [{name: backbone., lr_mult: 0.1}] the backbone at a tenth."
)
_FROZEN = dict.fromkeys(("freeze", "freeze_backbone", "freeze_encoder", "frozen_stages", "freeze_at"), _FREEZE)
_RATED = dict.fromkeys(("backbone_lr_mult", "backbone_lr", "encoder_lr_mult", "lr_mult", "paramwise_cfg"), _RATES)

MODELS = Registry("model", filled_by="paddleseg_lite.models", advice=_FROZEN)
BACKBONES = Registry("backbone", filled_by="paddleseg_lite.backbones", advice=_FROZEN)
CONTEXTS = Registry("context unit", filled_by="paddleseg_lite.graph")
LOSSES = Registry("loss", filled_by="paddleseg_lite.losses")
DATASETS = Registry("dataset", filled_by="paddleseg_lite.data")
TRANSFORMS = Registry("transform", filled_by="paddleseg_lite.data")
OPTIMIZERS = Registry("optimizer", filled_by="paddleseg_lite.optim", advice={**_RATED, **_FROZEN})
SCHEDULERS = Registry("lr_scheduler", filled_by="paddleseg_lite.optim")
BACKENDS = Registry("backend", filled_by="paddleseg_lite.export")  # f(network, *, precision, threads, folder)
REFINERS = Registry("refiner", filled_by="paddleseg_lite.postprocess")  # of predictions: f(spec) -> refiner or None
TRANSLATORS = Registry("recipe translator", filled_by="paddleseg_lite.interop.paddleseg_config")
