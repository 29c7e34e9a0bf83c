"""Weights of PaddleSeg, torchvision or paddle.vision as ours: ``tools/convert.py --config C --input F --output G``."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigError
from ..outputs import refuse_inputs
from . import common as cli


def build_parser():
    p = cli.parser(__doc__)
    origins = ["auto", "paddleseg", "torchvision", "paddle.vision"]
    p.add_argument(
        "--from",
        dest="origin",
        default="auto",
        choices=origins,
        help="where the weights come from; auto tells by their names",
    )
    p.add_argument("--config", required=True, help="recipe of the network, ours or PaddleSeg's, YAML")
    p.add_argument("--opts", nargs="+", default=[], metavar="KEY=VALUE", help="override any key: a.b=c")
    p.add_argument("--input", required=True, metavar="FILE", help="weights to convert")
    p.add_argument("--output", required=True, metavar="FILE", help=".pdparams or .safetensors to write")
    p.add_argument("--num_classes", type=int, help="classes, where the recipe does not tell")
    p.add_argument("--verify", action="store_true", help="run the origin's network too and compare outputs")
    p.add_argument("--origin_python", metavar="PYTHON", help="interpreter that has the origin, for --verify")
    return p


def main(argv=None):
    args = build_parser().parse_args(argv)
    cli.start(args)

    refuse_inputs([args.output], cli.files_read(args), "--output")

    output = Path(args.output)
    if output.suffix not in (".pdparams", ".safetensors"):
        raise ConfigError(f"--output {output}: weights are written as .pdparams or .safetensors.")
    if (output.parent / "manifest.json").is_file():
        raise ConfigError(f"--output {output} would be among the files of a checkpoint. Choose another folder.")

    from .jobs.convert import convert_file

    return convert_file(
        args.config,
        args.input,
        args.output,
        origin=args.origin,
        opts=tuple(args.opts),
        num_classes=args.num_classes,
        verify=args.verify,
        origin_python=args.origin_python,
    )
