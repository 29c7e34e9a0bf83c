"""Run a controlled study: ``python tools/ablate.py --config configs/ablation/graph_modules.yml``."""

from __future__ import annotations

from . import common as cli


def build_parser():
    p = cli.parser(__doc__)
    p.add_argument("--config", required=True, help="study file")
    p.add_argument("--opts", nargs="+", default=[], metavar="KEY=VALUE", help="override keys of the base recipe")
    p.add_argument("--save_dir", help="folder of the study; default: output/ablation/<name>")
    p.add_argument("--jobs", type=int, default=1, help="runs at a time; the threads are divided between them")
    p.add_argument("--shard", default="1/1", metavar="i/n", help="do the i-th of n parts; parts share --save_dir")
    p.add_argument("--retry_failed", action="store_true", help="run failed runs again")
    p.add_argument("--keep_weights", action="store_true", help="keep the checkpoints of finished runs")
    p.add_argument("--report_only", action="store_true", help="rebuild the report from what has finished")
    p.add_argument("--no_doctor", action="store_true", help="do not examine recipe and data first")
    return p


def main(argv=None):
    args = build_parser().parse_args(argv)
    settled = cli.start(args)

    from .jobs.ablate import run_ablation

    return run_ablation(
        args.config,
        opts=args.opts,
        save_dir=args.save_dir,
        jobs=args.jobs,
        shard=args.shard,
        imports=args.imports,
        retry_failed=args.retry_failed,
        keep_weights=args.keep_weights,
        report_only=args.report_only,
        device=settled.device,
        doctor=not args.no_doctor,
    )
