"""Segment images and videos: ``python tools/infer.py --model_path output/unet_scenes --image_path photos/``."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a checkout works from any folder, uninstalled

from paddleseg_lite import cli  # noqa: E402


def build_parser():
    p = cli.parser(__doc__)
    cli.add_config_flags(p)
    p.add_argument("--model_path", required=True, help="run folder, checkpoint folder or weight file")
    p.add_argument("--image_path", required=True, help="image, video, folder, glob, or a .txt list")
    p.add_argument("--save_dir", default="output/infer", help="where the pictures go")
    p.add_argument("--opacity", type=float, default=0.6, help="of the colours in added_prediction")
    p.add_argument("--contours", action="store_true", help="draw the borders between classes")
    p.add_argument("--custom_color", nargs="+", type=int, metavar="R G B", help="palette, three numbers a class")
    p.add_argument("--explain", action="store_true", help="also show what the nodes of the graph unit look at")
    cli.add_test_flags(p, "--aug_pred", engine="auto")
    return p


def main(argv=None):
    args = build_parser().parse_args(argv)
    cli.start(args)

    from paddleseg_lite.commands.inference import Painter, run_prediction
    from paddleseg_lite.engine.predictor import find_config, load

    args.config = args.config or find_config(args.model_path)
    loaded = load(args.model_path, config=cli.read_test_config(args))
    painter = Painter(loaded, opacity=args.opacity, contours=args.contours, custom_color=args.custom_color)
    return run_prediction(
        loaded, args.image_path, args.save_dir, painter, explain=args.explain, engine=args.engine,
        precision=args.precision,
    )


if __name__ == "__main__":
    cli.run(main)
