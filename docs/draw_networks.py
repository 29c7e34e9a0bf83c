"""Draw the networks of the pages from the networks themselves: ``python docs/draw_networks.py``.

Writes docs/images/networks/NAME.svg and NAME_zh.svg. Any network, of a recipe or with
a unit of one's own, is drawn by ``python tools/summary.py --config FILE --draw FILE.svg``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run from a checkout, uninstalled
OUT = ROOT / "docs" / "images" / "networks"
NUM_CLASSES = 21
NETWORKS = {
    "fcn_resnet": {"type": "FCN", "aux": True},
    "fcn8s": {"type": "FCN8s"},
    "segnet": {"type": "SegNet"},
    "unet": {"type": "UNet"},
    "enet": {"type": "ENet"},
    "pspnet": {"type": "PSPNet"},
    "pspnet_progressive": {"type": "PSPNetProgressive"},
    "deeplab_v1": {"type": "DeepLabV1"},
    "deeplab_v1_msc": {"type": "DeepLabV1", "msc": True},
    "deeplab_v2": {"type": "DeepLabV2"},
    "deeplab_v3": {"type": "DeepLabV3", "aux": True},
    "deeplab_v3plus": {"type": "DeepLabV3P"},
    "unit_in_deeplab": {"type": "DeepLabV3P", "context": {"type": "GloRe"}},
    "glore": {"type": "GloRe"},
    "gcunet": {"type": "GCUNet"},
    "ginet": {"type": "GINet"},
}


def pictures(name: str) -> dict[str, str]:
    """The SVG texts of one network by file name."""
    import paddle

    from paddleseg_lite.language import LANGUAGES, language, set_language
    from paddleseg_lite.models import build_model
    from paddleseg_lite.models.flow import trace
    from paddleseg_lite.visualize.network_drawing import draw_flow

    with paddle.LazyGuard():
        network = build_model(NETWORKS[name], num_classes=NUM_CLASSES)
    flow = trace(network, (1, 3, 256, 256))
    before, found = language(), {}
    for lang in LANGUAGES:
        set_language(lang)
        found[f"{name}.svg" if lang == "en" else f"{name}_{lang}.svg"] = draw_flow(flow)
    set_language(before)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        for file, text in pictures(name).items():
            (OUT / file).write_text(text, encoding="utf-8")
        print(f"drew {name}")


if __name__ == "__main__":
    main()
