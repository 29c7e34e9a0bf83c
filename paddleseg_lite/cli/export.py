"""Write a model for deployment: ``python tools/export.py --model_path output/run --save_dir output/export``."""

from __future__ import annotations

from . import common as cli
from .parser import tell_next


def build_parser():
    p = cli.parser(__doc__)
    p.add_argument("--model_path", required=True, help="run folder, checkpoint folder or weight file")
    cli.add_config_flags(p)
    p.add_argument("--save_dir", default="output/export", help="folder to write")
    p.add_argument("--format", default="onnx", choices=["onnx", "static"], help="ONNX, or Paddle's static graph")
    p.add_argument(
        "--input_shape",
        nargs=4,
        type=int,
        metavar=("N", "C", "H", "W"),
        help="one size only; default: any size (onnx), the size of the first image (static)",
    )
    p.add_argument("--normalize", action="store_true", help="normalise inside: takes uint8 pixels, N H W C")
    p.add_argument("--output_op", default="none", choices=["none", "argmax"], help="logits, or class ids")
    p.add_argument("--image_path", nargs="+", default=[], help="images to check with; default: of the validation set")
    return p


def main(argv=None):
    args = build_parser().parse_args(argv)
    cli.start(args)

    from ..inference.predictor import find_config, load
    from .jobs.export import run_export

    args.config = args.config or str(find_config(args.model_path))
    loaded = load(args.model_path, config=cli.read_config(args, prediction=True))
    folder = run_export(
        loaded,
        args.save_dir,
        format=args.format,
        input_shape=args.input_shape,
        normalise=args.normalize,
        argmax=args.output_op == "argmax",
        images=args.image_path,
        protected=cli.files_read(args),
    )
    use = f"from paddleseg_lite.export import Deployment; print(Deployment.read({str(folder)!r}).predict('PHOTO.png'))"
    tell_next("python", "-c", use)
