"""Compare two trained networks on the same images: ``python tools/compare.py output/a output/b``."""

from __future__ import annotations

from . import common as cli


def build_parser():
    p = cli.parser(__doc__)
    p.add_argument("runs", nargs=2, metavar="RUN", help="run folder or checkpoint folder")
    p.add_argument("--dataset_root", help="folder of the data, for both")
    p.add_argument("--opts", nargs="+", default=[], metavar="KEY=VALUE", help="override keys in both configs: a.b=c")
    p.add_argument("--save_dir", default="output/compare", help="where the report goes")
    p.add_argument("--num_workers", type=int, default=0, help="loader processes")
    return p


def main(argv=None):
    args = build_parser().parse_args(argv)
    cli.start(args)

    from ..inference.predictor import find_config, load
    from .jobs.compare import run_comparison

    loaded, protected = [], []
    for run in args.runs:
        args.config, args.model_path = find_config(run), run
        protected += cli.files_read(args)
        loaded.append(load(run, config=cli.read_config(args)))
    return run_comparison(*loaded, save_dir=args.save_dir, num_workers=args.num_workers, protected=protected)
