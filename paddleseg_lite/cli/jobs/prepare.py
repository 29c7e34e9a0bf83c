"""What ``tools/prepare.py`` does with a job: run it, say what came out, say what went wrong."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from ...errors import ConfigError, DataError
from ...files import expanded, write_text
from ...interop.prepare.archives import unpacked
from ...interop.prepare.coco import coco_job
from ...interop.prepare.colours import read_table, rgb2id_job
from ...interop.prepare.cvat import cvat_job
from ...interop.prepare.documents import Reader
from ...interop.prepare.finish import LISTS, RECIPE, dataset_files, untouched
from ...interop.prepare.job import Job, Outcome, listed, run_job, summary
from ...interop.prepare.labelme import labelme_job
from ...interop.prepare.labelstudio import labelstudio_job
from ...interop.prepare.lists import split_job
from ...interop.prepare.names import read_names
from ...interop.prepare.pictures import is_file
from ...interop.prepare.published import ade20k_job, cityscapes_job, voc_aug_job
from ...interop.prepare.roboflow import roboflow_job
from ...interop.prepare.scenes import scenes_job
from ...interop.prepare.values import shortened
from ...interop.prepare.yolo import yolo_job
from ..parser import as_called

RATIO = (0.8, 0.2)  # of training and validation; 'split' takes others
PUBLISHED = {"voc_aug": "pspnet/pspnet_resnet50_voc12aug", "cityscapes": "pspnet/pspnet_resnet50_cityscapes"}
REMEDY = "Correct them, or leave them out with --skip_bad."


def make_job(args) -> tuple[Job, Path]:
    """The job a sub-command's flags describe, and the folder it writes to."""
    if args.command in ANNOTATIONS:
        names = {"class_names": read_names(args.classes), "reader": Reader(args.encoding)}
        job = ANNOTATIONS[args.command](args, names)
        job.ratio, job.origin = RATIO, args.json if hasattr(args, "json") else args.input
        return job, Path(args.output)
    if args.command == "scenes":
        job = scenes_job(count=args.count, size=args.size, seed=args.seed)
        job.ratio = RATIO
        return job, Path(args.output)
    if args.command == "rgb2id":
        images = folder(args.images) if args.images else None
        table = read_table(Path(args.colors))
        return rgb2id_job(folder(args.input), table, images=images, unknown=args.unknown), Path(args.output)
    root = folder(args.root)
    if args.command == "split":
        job = split_job(
            root,
            images=args.images,
            labels=args.labels,
            ratio=args.ratio,
            seed=args.seed,
            classes=args.classes,
            image_suffix=args.image_suffix,
            label_suffix=args.label_suffix,
        )
    elif args.command == "voc_aug":
        job = voc_aug_job(root, folder(args.sbd))
        root = root / "VOC2012" if (root / "VOC2012").is_dir() else root
    elif args.command == "cityscapes":
        job = cityscapes_job(root, train_ids=args.train_ids)
    else:
        job = ade20k_job(root)
    return job, root


def coco(args, names) -> Job:
    """COCO's JSON, instances or panoptic."""
    panoptic = folder(args.panoptic_dir) if args.panoptic_dir else None
    return coco_job(Path(args.json), folder(args.images), panoptic=panoptic, crowd=args.crowd, **names)


def from_export(make, path: str, **settings) -> Job:
    """A job of a folder or of a zip archive, which lives as long as the job."""
    root, keep = unpacked(expanded(path))
    job = make(folder(str(root)), **settings)
    job.keep = keep
    return job


ANNOTATIONS = {
    "labelme": lambda args, names: labelme_job(folder(args.input), line_width=args.line_width, **names),
    "coco": coco,
    "yolo": lambda args, names: from_export(yolo_job, args.input, **names),
    "labelstudio": lambda args, names: labelstudio_job(Path(args.json), folder(args.images), **names),
    "cvat": lambda args, names: cvat_job(Path(args.input), folder(args.images) if args.images else None, **names),
    "roboflow": lambda args, names: from_export(roboflow_job, args.input, crowd=args.crowd, **names),
}


def prepare(args, *, gpu: bool = False) -> int:
    """Run a sub-command; returns the exit status.

    Args:
        args: the flags.
        gpu: whether the recipe that is written is for one.

    Raises:
        DataError: files that could not be used, all of them; the rest is done.
    """
    job, output = make_job(args)
    if job.problems and not args.skip_bad:
        raise DataError("\n".join([*listed(job.problems, len(job.items) + len(job.problems)), REMEDY]))
    preview = None
    if not args.no_preview:
        preview = Path(args.preview) if args.preview else None if args.dry_run else output / "preview.png"
    if not args.dry_run:
        spare_inputs(job, output, preview, args)
        clash = [] if args.overwrite else already_there(job, output)
        if clash:
            raise ConfigError(f"{output} already holds {shortened(clash)}: choose another folder, or --overwrite.")
    outcome = run_job(job, output, dry_run=args.dry_run, preview=preview, samples=args.samples)
    problems = listed(outcome.problems, len(job.items) + len(job.problems))
    if not problems or args.skip_bad:
        complete(job, outcome, output, gpu=gpu, dry_run=args.dry_run)
    if problems and args.skip_bad:
        print("\n".join(problems))
    if preview is not None and preview.is_file():
        print(f"preview: {preview}")
    print(summary(job, outcome, output, dry_run=args.dry_run))
    if problems and not args.skip_bad:
        raise DataError("\n".join([*problems, REMEDY]))
    if not args.dry_run:
        print(f"next: {as_called(next_command(args, job, output))}")
    return 0


def complete(job: Job, outcome: Outcome, output: Path, *, gpu: bool, dry_run: bool) -> None:
    """The lists and the recipe of a job that has them; an older ``test.txt`` that is no list of this deal goes."""
    if job.ratio is None:
        return
    files, notes = dataset_files(job, outcome, output, ratio=job.ratio, seed=job.seed, gpu=gpu)
    job.notes += notes
    if dry_run:
        return
    for name in set(LISTS) - set(files):
        (output / name).unlink(missing_ok=True)
    for name, text in files.items():
        write_text(output / name, text)


def next_command(args, job: Job, output: Path) -> str:
    """What to do after a sub-command."""
    if job.ratio is not None:
        return f"python tools/train.py --config {quoted(output / RECIPE)}"
    if args.command in PUBLISHED:
        return f"python tools/train.py --config {PUBLISHED[args.command]} --dataset_root {quoted(args.root)}"
    if args.command == "ade20k":  # no recipe is shipped for it
        return f"python tools/train.py --data {quoted(args.root)}"
    root = Path(os.path.commonpath([os.path.abspath(output), os.path.abspath(args.images or output.parent)]))
    names = (os.path.relpath(folder, root) for folder in (args.images or root / "images", output))
    return "python tools/prepare.py split --root {} --images {} --labels {}".format(quoted(root), *map(quoted, names))


def quoted(path: str | Path) -> str:
    """A path as a shell takes it."""
    return shlex.quote(str(path))


def already_there(job: Job, output: Path) -> list[str]:
    """Files that the job would replace."""
    copies = [
        i.copy for i in job.items if i.copy is not None and i.image is not None and not same(i.image, output / i.copy)
    ]
    targets = [str(p) for p in [*(i.target for i in job.items), *copies] if p is not None and (output / p).exists()]
    lists = [*LISTS, RECIPE] if job.ratio is not None and not untouched(output) else []
    return targets + [name for name in [*job.files, *lists] if (output / name).exists()]


def spare_inputs(job: Job, output: Path, preview: Path | None, args) -> None:
    """Refuse to write over what the job reads, whatever the flags.

    Raises:
        ConfigError: an output is an input.
    """
    flags = [getattr(args, name, None) for name in ("json", "colors", "classes")]
    inputs = {os.path.realpath(p) for i in job.items for p in (i.image, *i.sources) if p is not None}
    inputs |= {os.path.realpath(p) for p in flags if p and is_file(Path(p))}
    outputs = [output / i.target for i in job.items if i.target is not None] + [output / name for name in job.files]
    outputs += [output / i.copy for i in job.items if i.copy and i.image and not same(i.image, output / i.copy)]
    outputs += [preview] if preview is not None else []
    hit = [str(path) for path in outputs if os.path.realpath(path) in inputs]
    if hit:
        raise ConfigError(f"{shortened(hit)} would be written over, and is read from: choose another output folder.")


def same(one: Path, other: Path) -> bool:
    """Whether both paths lead to one file."""
    return os.path.realpath(one) == os.path.realpath(other)


def folder(path: str) -> Path:
    """A folder that must exist."""
    found = expanded(path)
    if not found.is_dir():
        raise DataError(f"{path} is a file, not a folder." if found.exists() else f"folder {path} does not exist.")
    return found
