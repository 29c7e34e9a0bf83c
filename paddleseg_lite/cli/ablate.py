"""Run a controlled study: ``python tools/ablate.py --config configs/ablation/graph_modules.yml``."""

from __future__ import annotations

import argparse

from . import common as cli


def build_parser():
    p = cli.parser(__doc__)
    p.add_argument("--config", required=True, help="study file")
    p.add_argument("--opts", nargs="+", default=[], metavar="KEY=VALUE", help="override keys of the base recipe")
    p.add_argument("--save_dir", help="folder of the study; default: output/ablation/<name>")
    p.add_argument(
        "--jobs", type=int, help="runs at a time; default: 1 (the threads are divided), on a cluster all that have room"
    )
    p.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="run on a Ray cluster: HOST:PORT, auto (the one this machine belongs to) or local (start one here)",
    )
    p.add_argument("--cpus_per_run", type=int, help="on a cluster: processors, and threads, of each run; default: 1")
    p.add_argument("--gpus_per_run", type=float, help="on a cluster: GPUs of each run, 0.5 for two runs on one")
    p.add_argument(
        "--storage",
        metavar="URL",
        help="on a cluster without a common folder: where checkpoints travel (fsspec: s3://..., gs://...); default: "
        "through the object store to this machine",
    )
    p.add_argument("--shard", help=argparse.SUPPRESS)
    p.add_argument("--retry_failed", action="store_true", help="run failed runs again")
    p.add_argument("--keep_weights", action="store_true", help="keep the checkpoints of finished runs")
    p.add_argument("--dry_run", action="store_true", help="only say what the study would take: runs, hours, disk")
    p.add_argument("--keep_going", action="store_true", help="start although some variants cannot be run")
    p.add_argument(
        "--freeze", action="store_true", help="write the plan down before the first run (preregistration), and end"
    )
    p.add_argument("--report_only", action="store_true", help="rebuild the report from what has finished")
    p.add_argument("--no_doctor", action="store_true", help="do not examine data and variants first")
    return p


def main(argv=None):
    args = build_parser().parse_args(argv)
    settled = cli.start(args)

    from .jobs.ablate import run_ablation
    from .jobs.placing import Placing

    return run_ablation(
        args.config,
        opts=args.opts,
        save_dir=args.save_dir,
        placing=Placing(
            jobs=args.jobs,
            cluster=args.cluster,
            cpus_per_run=args.cpus_per_run,
            gpus_per_run=args.gpus_per_run,
            storage=args.storage,
            shard=args.shard,
        ),
        imports=args.imports,
        retry_failed=args.retry_failed,
        keep_weights=args.keep_weights,
        keep_going=args.keep_going,
        dry_run=args.dry_run,
        freezing=args.freeze,
        report_only=args.report_only,
        device=settled.device,
        doctor=not args.no_doctor,
    )
