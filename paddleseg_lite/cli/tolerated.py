"""Flags of PaddleSeg's tools that change nothing here: they are taken, with a line, and do not stand in ``--help``."""

from __future__ import annotations

import argparse
import logging

from ..errors import ConfigError

logger = logging.getLogger("paddleseg_lite")

# flag -> (its value where it changes nothing; None: it takes none), what to say
FLAGS: dict[str, tuple[str | None, str]] = {
    "data_format": ("NCHW", "NCHW is the layout here"),
    "repeats": ("1", "a run is one run; for several seeds there is tools/ablate.py"),
    "device_id": ("0", "the device is chosen by --device gpu:N"),
    "to_static_training": (None, "training runs in dygraph"),
    "auc_roc": (None, "the area under the ROC curve is not computed"),
    "profiler_options": ("", "steps are profiled by --profile START:STOP"),
}


def add_tolerated(p: argparse.ArgumentParser, *names: str) -> None:
    """Let a parser take these flags of PaddleSeg's."""
    for name in names:
        if FLAGS[name][0] is None:
            p.add_argument(f"--{name}", action="store_true", default=None, help=argparse.SUPPRESS)
        else:
            p.add_argument(f"--{name}", help=argparse.SUPPRESS)


def tell_tolerated(args: argparse.Namespace) -> None:
    """Say of each such flag that was given why it is left out.

    Raises:
        ConfigError: it asks for what is not there (``--data_format NHWC``).
    """
    for name, (usual, why) in FLAGS.items():
        value = getattr(args, name, None)
        if value is None:
            continue
        if usual and value != usual:
            raise ConfigError(f"--{name} {value} is not supported: {why}.")
        logger.info("--%s is left out: %s", name, why)
