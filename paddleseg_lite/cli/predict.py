"""PaddleSeg's name of infer: ``python tools/predict.py --model_path output/unet_scenes --image_path photos/``."""

from __future__ import annotations

from . import infer


def build_parser():
    p = infer.build_parser(__doc__)
    p.set_defaults(save_dir="output/result")
    return p


def main(argv=None):
    return infer.main(argv, parser=build_parser())
