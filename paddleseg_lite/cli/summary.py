"""Layers, parameters, multiply-adds, receptive field: ``python tools/summary.py --model PSPNet --num_classes 21``."""

from __future__ import annotations

import json

from . import common as cli


def build_parser():
    p = cli.parser(__doc__)
    what = p.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", help="recipe, YAML")
    what.add_argument("--model", metavar="TYPE", help="a network by its type, with default arguments")
    p.add_argument("--opts", nargs="+", default=[], metavar="KEY=VALUE", help="override: model.backbone=ResNet101")
    p.add_argument("--num_classes", type=int, help="classes, where the recipe's dataset does not tell")
    p.add_argument("--input_size", nargs=2, type=int, default=[512, 512], metavar=("W", "H"), help="image")
    p.add_argument("--totals", action="store_true", help="leave out the layer table")
    p.add_argument("--draw", metavar="FILE.svg", help="draw the network: stages, resolutions, channels, what each sees")
    p.add_argument("--json", action="store_true", help="print JSON")
    return p


def main(argv=None):
    args = build_parser().parse_args(argv)
    cli.start(args)

    from .jobs.summary import describe, draw

    width, height = args.input_size
    result = describe(
        config=args.config, model=args.model, opts=args.opts, num_classes=args.num_classes, height=height, width=width
    )
    if args.draw:
        draw(
            args.draw,
            config=args.config,
            model=args.model,
            opts=args.opts,
            num_classes=args.num_classes,
            height=height,
            width=width,
        )
    print(json.dumps(result.to_dict(), indent=1) if args.json else result.table(rows=not args.totals))
