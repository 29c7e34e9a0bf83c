"""Score a trained network: ``python tools/val.py --model_path output/unet_scenes``."""

from __future__ import annotations

from . import common as cli
from .parser import tell_next
from .tolerated import add_tolerated, tell_tolerated


def build_parser():
    p = cli.parser(__doc__)
    cli.add_config_flags(p)
    p.add_argument("--model_path", required=True, help="run folder, checkpoint folder or weight file")
    p.add_argument("--split", help="train, val or test: the split to score on, in place of val_dataset's own")
    p.add_argument("--num_workers", type=int, default=0, help="loader processes")
    p.add_argument("--json", metavar="FILE", help="write the scores here")
    p.add_argument("--report", metavar="DIR", help="write an HTML report with tables and pictures here")
    p.add_argument("--miou_convention", choices=["nan", "gt_only", "one", "zero"], help="classes absent everywhere")
    add_tolerated(p, "data_format", "auc_roc")
    cli.add_test_flags(p, "--aug_eval", backend="dygraph")
    return p


def main(argv=None):
    args = build_parser().parse_args(argv)
    tell_tolerated(args)
    cli.start(args)
    cli.check_backend(args.backend)

    from ..inference.predictor import find_config, load
    from .jobs.val import run_validation

    args.config = args.config or find_config(args.model_path)
    overrides = {"miou_convention": args.miou_convention}
    loaded = load(args.model_path, config=cli.read_test_config(args, overrides))
    status = run_validation(
        loaded,
        split=args.split,
        num_workers=args.num_workers,
        json_path=args.json,
        report=args.report,
        backend=args.backend,
        precision=args.precision,
        protected=cli.files_read(args),
    )
    if status == 0:
        tell_next("python", "tools/infer.py", "--model_path", args.model_path, "--image_path", "my_photos/")
    return status
