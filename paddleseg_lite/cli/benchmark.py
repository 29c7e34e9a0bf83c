"""What networks cost: ``python tools/benchmark.py --config configs/unet/unet_scenes.yml configs/enet/*_scenes.yml``."""

from __future__ import annotations

import os

from ..errors import ConfigError
from ..outputs import is_plot, json_with, refuse_inputs, refuse_others
from . import common as cli


def build_parser():
    p = cli.parser(__doc__)
    p.add_argument("--config", nargs="+", action="extend", required=True, help="recipes; may be repeated")
    p.add_argument("--opts", nargs="+", default=[], metavar="KEY=VALUE", help="override in all of them: a.b=c")
    p.add_argument("--dataset_root", help="folder of the data, for the training step")
    p.add_argument("--input_size", nargs=2, type=int, default=[480, 360], metavar=("W", "H"), help="image")
    p.add_argument("--sizes", nargs="+", default=[], metavar="WxH", help="also the latency at these sizes")
    p.add_argument("--batch", type=int, default=1, help="images at a time")
    p.add_argument(
        "--backends",
        "--engines",
        dest="backends",
        nargs="+",
        default=[],
        metavar="BACKEND:PRECISION",
        help="such as dygraph:off (Paddle's kernels), dygraph:fp32, openvino:bf16; default: all here",
    )
    p.add_argument("--repeats", type=int, default=15, help="runs of each variant")
    p.add_argument("--max_seconds", type=float, default=30, help="begin no further round of runs after this")
    p.add_argument("--no_train", action="store_true", help="leave out the training step")
    p.add_argument("--no_memory", action="store_true", help="leave out peak memory (a process for each variant)")
    p.add_argument("--profile", action="store_true", help="also time by layer type")
    p.add_argument(
        "--results",
        nargs="+",
        default=[],
        metavar="RUN_OR_JSON",
        help="where the plot's mIoU comes from: run folders named as the recipes, or JSON {recipe: mIoU}",
    )
    p.add_argument("--json", metavar="FILE", help="write everything here")
    p.add_argument("--plot", metavar="FILE.png", help="draw accuracy (else multiply-adds) against latency")
    return p


def main(argv=None):
    args = build_parser().parse_args(argv)
    refuse_inputs(filter(None, [args.json, args.plot]), [*cli.files_read(args), *args.results], "--json or --plot")
    if args.json:
        refuse_others(args.json, json_with("machine", "networks"), "--json")
    if args.plot:
        refuse_others(args.plot, is_plot, "--plot")
    if args.json and args.plot and os.path.realpath(args.json) == os.path.realpath(args.plot):
        raise ConfigError(f"--json and --plot are both {args.plot}: name two files.")
    settled = cli.start(args, seed=0)

    from .jobs.benchmark import Settings, parse_size, run_benchmark

    settings = Settings(
        size=tuple(args.input_size),
        sizes=tuple(parse_size(text) for text in args.sizes),
        batch=args.batch,
        backends=tuple(args.backends),
        repeats=args.repeats,
        max_seconds=args.max_seconds,
        train=not args.no_train,
        memory=not args.no_memory,
        profile=args.profile,
        imports=tuple(args.imports),
    )
    recipes = []
    for path in args.config:
        one = type(args)(**{**vars(args), "config": path})
        recipes.append((path, cli.read_config(one)))
    return run_benchmark(
        recipes, settings, threads=settled.threads, json_path=args.json, plot_path=args.plot, results=args.results
    )
