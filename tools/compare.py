"""Compare two trained networks on the same images: ``python tools/compare.py output/a output/b``."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a checkout works from any folder, uninstalled

from paddleseg_lite import cli  # noqa: E402


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

    from paddleseg_lite.commands.comparison import run_comparison
    from paddleseg_lite.engine.predictor import find_config, load

    loaded = []
    for run in args.runs:
        args.config = find_config(run)
        loaded.append(load(run, config=cli.read_config(args)))
    return run_comparison(*loaded, save_dir=args.save_dir, num_workers=args.num_workers)


if __name__ == "__main__":
    cli.run(main)
