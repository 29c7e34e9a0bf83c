"""What the tools share: the common flags, set-up before Paddle is imported, and errors without tracebacks."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import platform
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .. import runtime
from ..errors import ConfigError, nearest
from ..language import LANGUAGES, set_language
from ..plugins import import_file
from ..version import __version__
from .console import complain, console
from .faults import REMEDIES, explained
from .parser import Parser

logger = logging.getLogger("paddleseg_lite")


def parser(description: str) -> argparse.ArgumentParser:
    """An argument parser with the flags every tool has."""
    p = Parser(description=description)
    p.add_argument("--device", default="auto", help="auto, cpu, gpu or gpu:N")
    p.add_argument("--threads", type=int, help="CPU compute threads; default: the cores this process may use")
    p.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="FILE.py",
        help="run a Python file first, to register parts of your own; may be repeated",
    )
    p.add_argument("--lang", choices=LANGUAGES, help="language of tables, figures and messages; default: the locale's")
    p.add_argument("--version", action="version", version=f"paddleseg_lite {__version__}")
    return p


def add_config_flags(
    p: argparse.ArgumentParser, *, default: str | None = None, description: str = "name of a recipe, or a YAML file"
) -> None:
    """``--config``, ``--opts`` and ``--dataset_root``."""
    p.add_argument("--config", default=default, help=description)
    p.add_argument("--opts", nargs="+", default=[], metavar="KEY=VALUE", help="override any key: a.b=c")
    p.add_argument("--dataset_root", help="folder of the data, for training and validation")


def add_test_flags(p: argparse.ArgumentParser, aug: str, *, backend: str) -> None:
    """Sliding windows, multi-scale and flips (``aug``: ``--aug_eval`` or ``--aug_pred``), what computes and how."""
    p.add_argument("--is_slide", action="store_true", default=None, help="sliding windows")
    p.add_argument("--crop_size", nargs=2, type=int, metavar=("W", "H"), help="window")
    p.add_argument("--stride", nargs=2, type=int, metavar=("W", "H"), help="step between windows")
    p.add_argument(aug, dest="aug_eval", action="store_true", default=None, help="average over scales and flips")
    p.add_argument("--scales", nargs="+", type=float, help="scales to average over")
    p.add_argument("--flip_horizontal", action="store_true", default=None, help="average with the mirrored image")
    p.add_argument("--flip_vertical", action="store_true", default=None, help="average with the image upside down")
    p.add_argument(
        "--backend",
        "--engine",
        default=backend,
        metavar="NAME",
        help="what computes: the network itself (dygraph), an export of it on another runtime (static, openvino, "
        "onnxruntime), or the fastest (auto)",
    )
    p.add_argument("--precision", help="fp32, bf16 or (GPU) fp16; default: fp32 on a CPU, on a GPU as it was trained")
    p.add_argument("--amp_level", help="sets amp_level: O1 or O2 (GPU)")
    p.add_argument(
        "--crf",
        nargs="?",
        const="default",
        metavar="PRESET",
        help="refine predictions by the fully connected CRF: the recipe's own, or that of a DeepLab model "
        "(deeplab_v1, deeplab_v1_largefov, ..., deeplab_v2_resnet101); none: leave the recipe's out",
    )


DEFAULT_CRF = "deeplab_v2_resnet101"  # of the two DeepLab papers the later one's
TEST_FLAGS = ("is_slide", "crop_size", "stride", "aug_eval", "scales", "flip_horizontal", "flip_vertical")


def test_overrides(args: argparse.Namespace) -> dict[str, Any]:
    """The flags of :func:`add_test_flags` as config overrides."""
    own = {name: getattr(args, name) for name in ("precision", "amp_level")}
    return {**{f"test_config.{name}": getattr(args, name) for name in TEST_FLAGS}, **own}


def read_test_config(args: argparse.Namespace, overrides: dict[str, Any] | None = None, *, prediction: bool = False):
    """:func:`read_config` with the flags of :func:`add_test_flags`."""
    config = read_config(args, {**test_overrides(args), **(overrides or {})}, prediction=prediction)
    if args.crf == "none":
        config.test_config.crf = None
    elif args.crf == "default":
        config.test_config.crf = config.test_config.crf or DEFAULT_CRF
    elif args.crf is not None:
        config.test_config.crf = args.crf
    return config


def backends() -> list[str]:
    """What ``--backend`` takes."""
    from ..registry import BACKENDS

    return ["auto", *BACKENDS.names()]


def check_backend(name: str) -> None:
    """Refuse a backend that there is not, before anything is loaded.

    Raises:
        ConfigError: the name is not registered; the message has the nearest.
    """
    known = backends()
    if name not in known:
        raise ConfigError(
            f"--backend {name}: there is no such backend.{nearest(name, known)} Known: {', '.join(known)}."
        )


def start(args: argparse.Namespace, *, seed: int | None = None) -> runtime.Runtime:
    """Set the process up from the common flags and run ``--import`` files."""
    set_language(args.lang)
    settled = runtime.setup(args.device, threads=args.threads, seed=seed)
    for file in args.imports:
        import_file(Path(file))
    return settled


def read_config(args: argparse.Namespace, overrides: dict[str, Any] | None = None, *, prediction: bool = False):
    """The recipe that the flags of :func:`add_config_flags` describe; ``prediction``: checked for prediction alone."""
    from ..config import load_config

    return load_config(
        args.config, opts=args.opts, overrides=overrides, dataset_root=args.dataset_root, prediction=prediction
    )


def files_read(args: argparse.Namespace) -> list[Path]:
    """The files that a command's flags name to be read: recipes with their bases, ``--import``, weights."""
    from ..config.reading import recipe_files

    given = getattr(args, "config", None) or []
    recipes = given if isinstance(given, list) else [given]
    weights = Path(getattr(args, "model_path", None) or getattr(args, "input", None) or os.devnull)
    inside = [p for folder in (weights, weights / "best_model") if folder.is_dir() for p in folder.iterdir()]
    return [*(f for recipe in recipes for f in recipe_files(recipe)), *map(Path, args.imports), weights, *inside]


def run(main: Callable[[Sequence[str] | None], int | None], argv: Sequence[str] | None = None) -> None:
    """Run a tool: users' errors become one message and status 2, interruption 130."""
    logger.setLevel(logging.INFO)
    logging.raiseExceptions = False  # a log that cannot be written is no reason for tracebacks
    warnings.filterwarnings("ignore", message="When training, we now always track")  # Paddle's batch norm, once a run
    with console(logger) as out:
        try:
            status = main(argv)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            status = 130
        except Exception as e:
            told = explained(e)
            if told is None:
                raise
            out.flush()
            complain(told)
            status = 2
    if out.lost and not status:
        complain(f"not all of the output could be printed: {out.lost}. {REMEDIES[errno.ENOSPC]}")
        status = 1
    sys.exit(status or 0)


def environment(settled: runtime.Runtime) -> dict[str, Any]:
    """What ``env.json`` in a run folder records."""
    import cv2
    import numpy
    import paddle

    return {
        "paddleseg_lite": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "paddle": paddle.__version__,
        "numpy": numpy.__version__,
        "opencv": cv2.__version__,
        "device": settled.device,
        "threads": settled.threads,
        "allocator_tuned": settled.allocator_tuned,
        "command": sys.argv,
    }
