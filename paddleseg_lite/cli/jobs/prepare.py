"""What ``tools/prepare.py`` does with a job: run it, say what came out, say what went wrong."""

from __future__ import annotations

from pathlib import Path

from ...errors import ConfigError, DataError
from ...interop.prepare.coco import coco_job
from ...interop.prepare.colours import read_table, rgb2id_job
from ...interop.prepare.job import SHOWN, Job, read_names, run_job, summary
from ...interop.prepare.labelme import labelme_job
from ...interop.prepare.lists import split_job
from ...interop.prepare.published import ade20k_job, cityscapes_job, voc_aug_job


def make_job(args) -> tuple[Job, Path]:
    """The job a sub-command's flags describe, and the folder it writes to."""
    if args.command == "labelme":
        names = read_names(args.classes)
        return labelme_job(folder(args.input), class_names=names, line_width=args.line_width), Path(args.output)
    if args.command == "coco":
        job = coco_job(
            Path(args.json),
            folder(args.images),
            panoptic=folder(args.panoptic_dir) if args.panoptic_dir else None,
            class_names=read_names(args.classes),
            crowd=args.crowd,
        )
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


def prepare(args) -> int:
    """Run a sub-command; returns the exit status.

    Raises:
        DataError: files that could not be used, all of them; the rest is done.
    """
    job, output = make_job(args)
    preview = None
    if not args.no_preview:
        preview = Path(args.preview) if args.preview else None if args.dry_run else output / "preview.png"
    clash = [] if args.dry_run or args.overwrite else already_there(job, output)
    if clash:
        shown = ", ".join(clash[:3]) + (", ..." if len(clash) > 3 else "")
        raise ConfigError(f"{output} already holds {shown}: choose another folder, or --overwrite.")
    outcome = run_job(job, output, dry_run=args.dry_run, preview=preview, samples=args.samples)
    print(summary(job, outcome, output, dry_run=args.dry_run))
    if preview is not None and preview.is_file():
        print(f"preview: {preview}")
    if outcome.problems:
        listed = "\n".join(f"  {p}" for p in outcome.problems[:SHOWN])
        more = f"\n  and {len(outcome.problems) - SHOWN} more" if len(outcome.problems) > SHOWN else ""
        text = f"{len(outcome.problems)} of {len(job.items)} files could not be used:\n{listed}{more}"
        if not args.skip_bad:
            raise DataError(f"{text}\nCorrect them, or leave them out with --skip_bad.")
        print(text)
    return 0


def already_there(job: Job, output: Path) -> list[str]:
    """Files that the job would replace."""
    targets = [str(i.target) for i in job.items if i.target is not None and (output / i.target).exists()]
    return targets + [name for name in job.files if (output / name).exists()]


def folder(path: str) -> Path:
    """A folder that must exist."""
    found = Path(path).expanduser()
    if not found.is_dir():
        raise DataError(f"folder {path} does not exist.")
    return found
