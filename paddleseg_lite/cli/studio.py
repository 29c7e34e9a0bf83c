"""See, compare and question networks in a browser: ``python tools/studio.py --runs output``."""

from __future__ import annotations

import os

from . import common as cli


def build_parser():
    p = cli.parser(__doc__)
    p.add_argument("--runs", nargs="+", default=["output"], metavar="FOLDER", help="folders of runs, exports, studies")
    p.add_argument("--port", type=int, default=7860, help="of the page; 0: any that is free")
    p.add_argument("--host", default="127.0.0.1", help="address to serve on; others than this machine's need --auth")
    p.add_argument("--auth", metavar="NAME:PASSWORD", help="what visitors must give; none: nothing")
    p.add_argument("--max_megabytes", type=float, default=20.0, help="of an uploaded file")
    p.add_argument("--max_megapixels", type=float, default=16.0, help="of an uploaded picture")
    return p


def main(argv=None):
    args = build_parser().parse_args(argv)
    cli.start(args)

    from .jobs.studio import run_studio

    return run_studio(
        args.runs,
        host=args.host,
        port=args.port,
        auth=args.auth or os.environ.get("PADDLESEG_LITE_STUDIO_AUTH"),
        megabytes=args.max_megabytes,
        megapixels=args.max_megapixels,
    )
