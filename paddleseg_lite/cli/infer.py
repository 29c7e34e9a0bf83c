"""Segment images and videos: ``python tools/infer.py --model_path output/unet_scenes --image_path photos/``."""

from __future__ import annotations

from . import common as cli
from .tolerated import add_tolerated, tell_tolerated


def build_parser(description: str = __doc__):
    p = cli.parser(description)
    cli.add_config_flags(p)
    p.add_argument("--model_path", required=True, help="run folder, checkpoint folder or weight file")
    p.add_argument("--image_path", required=True, help="image, video, folder, glob, or a .txt list")
    p.add_argument("--save_dir", default="output/infer", help="where the pictures go")
    p.add_argument("--opacity", type=float, default=0.6, help="of the colours in added_prediction")
    p.add_argument("--background", default="hide", choices=["hide", "show"], help="colour background in overlays, too")
    p.add_argument("--legend", action="store_true", help="put a legend with the classes' shares beside each overlay")
    p.add_argument(
        "--also",
        nargs="+",
        default=[],
        metavar="FORMAT",
        help="also write any of: probabilities (of the classes), and polygons for labelme, coco, geojson",
    )
    p.add_argument("--contours", action="store_true", help="draw the borders between classes")
    p.add_argument("--custom_color", nargs="+", type=int, metavar="R G B", help="palette, three numbers a class")
    p.add_argument("--explain", action="store_true", help="also show what the nodes of the graph unit look at")
    add_tolerated(p, "data_format", "device_id")
    cli.add_test_flags(p, "--aug_pred", backend="auto")
    return p


def main(argv=None, *, parser=None):
    args = (parser or build_parser()).parse_args(argv)
    tell_tolerated(args)
    cli.start(args)
    cli.check_backend(args.backend)

    from ..inference.predictor import find_config, load
    from .jobs.infer import run_prediction
    from .jobs.painter import Painter

    args.config = args.config or find_config(args.model_path)
    loaded = load(args.model_path, config=cli.read_test_config(args, prediction=True))
    painter = Painter(
        loaded,
        opacity=args.opacity,
        contours=args.contours,
        custom_color=args.custom_color,
        background=args.background,
        legend=args.legend,
    )
    return run_prediction(
        loaded,
        args.image_path,
        args.save_dir,
        painter,
        explain=args.explain,
        also=args.also,
        backend=args.backend,
        precision=args.precision,
        protected=cli.files_read(args),
    )
