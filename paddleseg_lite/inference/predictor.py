"""From a run folder to predictions: ``load("output/run").predict("image.jpg")``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..accel import accelerate
from ..checkpoint import load_checkpoint, newest_good
from ..config import Config, load_config
from ..data import Compose
from ..data.building import describe_classes, inference_transforms
from ..data.likeness import PictureStatistics
from ..errors import CheckpointError, ConfigError, nearest
from ..files import expanded
from ..models import build_model
from ..postprocess import build_crf
from ..weights import in_names_of, load_strict, read_weights, zoo
from ..weights.shipped import find_shipped, shipped
from .account import checked_classes
from .backend import PaddleBackend
from .loaded import Loaded, Prediction
from .options import inference_options

__all__ = ["Loaded", "Prediction", "find_config", "find_weights", "load", "predict"]


def load(path: str | Path, *, config: str | Path | Config | None = None) -> Loaded:
    """Load a trained network.

    Args:
        path: a run folder (its best checkpoint, else the newest), a checkpoint
            folder, a weight file in any supported format, also of PaddleSeg or torchvision, or
            the name of weights: published (``torchvision/deeplabv3_resnet50``) or shipped (``quick_start``).
        config: the recipe, ours or PaddleSeg's; needed only for a bare weight file.

    Raises:
        CheckpointError: not found, damaged, or it does not fit the network.
    """
    folder, weights_file = find_weights(expanded(path))
    meta: dict[str, Any] = {}
    if folder is not None:
        checkpoint = load_checkpoint(folder)
        meta = checked_classes(checkpoint.meta, folder)
        config = config or checkpoint.config_path
    if config is None and zoo.is_published(Path(path).as_posix()):
        config = zoo.recipe(Path(path).as_posix())
    if config is None:
        raise ConfigError(f"{path} is a bare weight file: say which network it belongs to with --config.")
    if not isinstance(config, Config):
        config = load_config(config, prediction=True)
    dataset_spec = config.val_dataset or config.train_dataset
    if not meta:
        meta = describe_classes(dataset_spec, config.model.get("num_classes"))
    spec = {k: v for k, v in config.model.items() if k != "pretrained"}  # the checkpoint has every weight
    model = build_model(spec, num_classes=meta["num_classes"])
    if folder is not None:
        checkpoint.load_model(model)
    else:
        state = in_names_of(model, read_weights(weights_file), str(weights_file))  # PaddleSeg's own files, too
        load_strict(model, state, source=str(weights_file))
    model.eval()
    accelerate(model, config.precision, config.cpu_accel)
    return Loaded(
        model=model,
        config=config,
        class_names=list(meta["class_names"]),
        palette=np.asarray(meta["palette"], dtype=np.uint8),
        ignore_index=int(meta["ignore_index"]),
        transforms=Compose(inference_transforms(config)),
        options=inference_options(config.test_config),
        source=folder or weights_file,
        backend=PaddleBackend.as_trained(model, config.precision, config.amp_level),
        crf=build_crf(config.test_config.crf),
        trained_on=PictureStatistics.from_dict(meta.get("pictures")),
    )


def find_weights(path: Path) -> tuple[Path | None, Path | None]:
    """``(checkpoint folder, None)`` or ``(None, weight file)`` for what a user names with ``--model_path``."""
    path = find_shipped(path) or path
    if not path.exists() and zoo.is_published(path.as_posix()):
        return None, zoo.get(path.as_posix())
    if not path.exists():
        beside = [str(p) for p in path.parent.iterdir() if p.is_dir()] if path.parent.is_dir() else []
        hint = nearest(path.as_posix(), [*shipped(), *beside])
        raise CheckpointError(f"{path} does not exist.{hint} Give a run folder, a checkpoint folder or a weight file.")
    if path.is_file():
        if path.name == "model.pdparams" and (path.parent / "manifest.json").exists():
            return path.parent, None
        return None, path
    if (path / "manifest.json").exists():
        return path, None
    if (path / "best_model" / "manifest.json").exists():
        return path / "best_model", None
    folder, problems = newest_good(path)
    if folder is None:
        detail = f" Damaged: {'; '.join(problems)}." if problems else ""
        raise CheckpointError(
            f"there is no checkpoint in {path} (no best_model, no iter_N). Give a run folder, a checkpoint folder or a "
            f"weight file.{detail}"
        )
    return folder, None


def find_config(path: str | Path) -> Path:
    """The recipe saved beside the weights.

    Raises:
        ConfigError: there is none (a bare weight file); ``--config`` must name it.
    """
    if not Path(path).exists() and zoo.is_published(Path(path).as_posix()):
        return zoo.recipe(Path(path).as_posix())
    folder, weights_file = find_weights(Path(path))
    candidate = (folder or weights_file.parent) / "config.yml"
    if not candidate.is_file():
        raise ConfigError(f"there is no config.yml beside {folder or weights_file}: name the recipe with --config.")
    return candidate


def predict(source: str | Path | Loaded, images: Any) -> Prediction | list[Prediction]:
    """Segment one image or a list of them, as :meth:`Loaded.predict`, with a run, a file, or something loaded."""
    loaded = source if isinstance(source, Loaded) else load(source)
    return loaded.predict(images)
