"""Published weights by name: ``python tools/weights.py list``, ``python tools/weights.py get torchvision/resnet50``."""

from __future__ import annotations

from . import common as cli


def build_parser():
    p = cli.parser(__doc__)
    commands = p.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="what is known: names, published scores, licences")
    get = commands.add_parser("get", help="bring files into the cache and print their paths")
    get.add_argument("names", nargs="+", metavar="NAME", help="such as torchvision/deeplabv3_resnet50")
    return p


def main(argv=None):
    args = build_parser().parse_args(argv)

    from ..reports import markdown_table
    from ..weights import zoo

    if args.command == "get":
        for name in args.names:
            print(zoo.get(name))
    else:
        print(markdown_table(["name", "for", "parameters", "as published", "licence"], zoo.table()))
