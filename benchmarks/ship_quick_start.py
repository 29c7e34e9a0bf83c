"""Make the network that comes with the package, ``paddleseg_lite/shipped/quick_start``.

    python tools/train.py --config configs/quick_start/unet_scenes_shipped.yml --save_dir output/shipped
    python benchmarks/ship_quick_start.py output/shipped

Puts the best checkpoint of the run into the package, its weights as float16 (half the size), scores what was written
on the run's validation scenes and on 200 scenes of another seed, and writes both into its card.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from paddleseg_lite.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from paddleseg_lite.data.building import build_scored  # noqa: E402
from paddleseg_lite.files import write_text  # noqa: E402
from paddleseg_lite.inference.evaluation import evaluate  # noqa: E402
from paddleseg_lite.inference.predictor import load  # noqa: E402

TARGET = ROOT / "paddleseg_lite" / "shipped" / "quick_start"
CARD = """# quick_start

A UNet ({parameters:,} parameters) for the eight classes of the procedural scenes: {classes}.

* Use: `paddleseg_lite.load("quick_start")`, `--model_path quick_start`. Pictures it fits are made by
  `tools/prepare.py scenes --output DIR`; on photographs its answers mean nothing.
* Trained on nothing but pictures that this program paints (`configs/quick_start/unet_scenes_shipped.yml`).
* mIoU {seen:.4f} on the {images} validation scenes of its seed, {new:.4f} on 200 scenes of another one.
* Licence: Apache-2.0, as the package (see its LICENSE).
"""


class Halved:
    """A network whose weights are saved as float16."""

    def __init__(self, model):
        self.model = model

    def state_dict(self):
        halved = {}
        for name, tensor in self.model.state_dict().items():
            values = tensor.numpy()
            halved[name] = values.astype(np.float16) if values.dtype == np.float32 else values
        return halved


def main() -> None:
    loaded = load(sys.argv[1])
    config = loaded.config
    checkpoint = load_checkpoint(loaded.source)
    kept = ("class_names", "num_classes", "palette", "ignore_index", "pictures")
    meta = {k: v for k, v in checkpoint.meta.items() if k in kept}
    save_checkpoint(
        TARGET, model=Halved(loaded.model), state={}, config_text=checkpoint.config_path.read_text("utf-8"), meta=meta
    )
    shipped = load(TARGET)
    spec = config.val_dataset
    scores = [
        float(evaluate(shipped.model, build_scored({**spec, **own}, mode="val"), options=shipped.options).scores.mIoU)
        for own in ({}, {"seed": 1, "num_samples": 200})
    ]
    parameters = sum(int(np.prod(p.shape)) for p in shipped.model.parameters() if not p.stop_gradient)
    card = CARD.format(
        parameters=parameters,
        classes=", ".join(shipped.class_names),
        images=spec["num_samples"],
        seen=scores[0],
        new=scores[1],
    )
    write_text(TARGET / "README.md", card)
    print(card, sum(f.stat().st_size for f in TARGET.iterdir()), "bytes")


if __name__ == "__main__":
    main()
