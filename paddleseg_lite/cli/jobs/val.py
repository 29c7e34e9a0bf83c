"""What ``tools/val.py`` does with a loaded network: score, print, save."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ...data import SegDataset
from ...data.building import build_scored, check_bands, files_of, split_spec
from ...errors import ConfigError
from ...files import make_folder, write_json
from ...inference.evaluation import Evaluation, evaluate
from ...inference.loaded import Loaded
from ...language import translate as _
from ...metrics import MeanCrossEntropy
from ...outputs import json_with, refuse_inputs, refuse_others
from ...reports.evaluation import REPORT_FILES, ReportMeasures, write_evaluation_report
from ...reports.html import is_page
from ...training.limits import check_workers
from .backends import probe_of, use_backend

logger = logging.getLogger("paddleseg_lite")


def validate_loaded(
    loaded: Loaded,
    *,
    split: str | None = None,
    num_workers: int = 0,
    keep_images: bool = False,
    observe: bool = False,
    backend: str = "dygraph",
    precision: str | None = None,
    outputs: Mapping[str, Iterable[str | Path]] | None = None,
    protected: Sequence[str | Path] = (),
) -> tuple[Evaluation, SegDataset, ReportMeasures | None]:
    """Score on the recipe's validation set, as training does.

    Args:
        loaded: the network.
        split: ``train``, ``val`` or ``test``, in place of ``val_dataset`` as it is.
        num_workers: of the loader.
        keep_images: keep a confusion matrix per image.
        observe: also take the measures that only the report shows.
        backend, precision: see :func:`use_backend`.
        outputs: files that will be written afterwards, by the flag that chooses them; none may be an input.
        protected: inputs besides the dataset's.
    """
    config = loaded.config
    check_workers(num_workers)
    spec, mode = split_spec(config, split)
    dataset = build_scored(spec, mode=mode)
    for flag, paths in (outputs or {}).items():
        refuse_inputs(paths, [*protected, *files_of(dataset)], flag)
    if dataset.num_classes != len(loaded.class_names):
        raise ConfigError(
            f"the network was trained for {len(loaded.class_names)} classes, the dataset has {dataset.num_classes}."
        )
    check_bands(dataset, getattr(loaded.model, "in_channels", None))
    use_backend(
        loaded,
        backend,
        precision=precision,
        images=len(dataset),
        probe=lambda: probe_of(loaded, dataset.load(0)["image"]),
    )
    measures = ReportMeasures(dataset.num_classes, dataset.ignore_index) if observe else None
    evaluation = evaluate(
        loaded.backend,
        dataset,
        options=loaded.options,
        loss=MeanCrossEntropy(dataset.ignore_index),
        num_workers=num_workers,
        convention=config.miou_convention,
        keep_images=keep_images,
        observers=(measures,) if measures else (),
        crf=loaded.crf,
    )
    return evaluation, dataset, measures


def run_validation(
    loaded: Loaded,
    *,
    split: str | None = None,
    num_workers: int = 0,
    json_path: str | None = None,
    report: str | None = None,
    backend: str = "dygraph",
    precision: str | None = None,
    protected: Sequence[str | Path] = (),
) -> int:
    """Score, print the per-class table, write JSON and the report where asked; returns the exit status."""
    folder = make_folder(report) if report else None
    if folder is not None:
        refuse_others(folder / "index.html", is_page, "--report")
    if json_path:
        refuse_others(json_path, json_with("source", "miou_convention"), "--json")
        make_folder(Path(json_path).parent)  # before the work, not after it
    outputs = {"--report": [folder / name for name in REPORT_FILES] if folder else []}
    evaluation, dataset, measures = validate_loaded(
        loaded,
        split=split,
        num_workers=num_workers,
        keep_images=bool(report),
        observe=bool(report),
        backend=backend,
        precision=precision,
        outputs={**outputs, "--json": [json_path] if json_path else []},
        protected=protected,
    )
    logger.info(_("%s on %d images with %s"), loaded.source, evaluation.images, evaluation.backend)
    print(evaluation.scores.table(dataset.class_names))
    logger.info(
        _("mIoU {:.6f} (convention '{}'), cross-entropy {:.4f}, {:.1f} images/s").format(
            evaluation.scores.mIoU, loaded.config.miou_convention, evaluation.loss, evaluation.images_per_second
        )
    )
    if evaluation.unrefined is not None:
        logger.info(
            "with the CRF; mIoU without it, as validation during training has it: %.6f (%+.6f by the CRF)",
            evaluation.unrefined.mIoU,
            evaluation.scores.mIoU - evaluation.unrefined.mIoU,
        )
    if json_path:
        write_json(
            Path(json_path),
            {
                "source": str(loaded.source),
                "split": split or (loaded.config.val_dataset or {}).get("mode", "val"),
                "images": evaluation.images,
                "backend": evaluation.backend,
                "miou_convention": loaded.config.miou_convention,
                "loss": evaluation.loss,
                "images_per_s": evaluation.images_per_second,
                **before_crf(evaluation),
                **evaluation.scores.as_dict(dataset.class_names),
            },
        )
    if folder is not None:
        page = write_evaluation_report(
            folder,
            evaluation,
            measures,
            dataset,
            title=f"{loaded.config.model['type']}: {loaded.source}",
            convention=loaded.config.miou_convention,
            predict_index=lambda i: loaded.predict_index(dataset, i),
        )
        logger.info(_("report: %s"), page)
    return 0


def before_crf(evaluation: Evaluation) -> dict[str, float]:
    """``mIoU_without_crf`` where a CRF was used."""
    return {} if evaluation.unrefined is None else {"mIoU_without_crf": float(evaluation.unrefined.mIoU)}
