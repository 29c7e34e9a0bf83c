"""One rank of a training in which the ranks have much to agree on: run by test_distributed.py under Paddle's launcher.

K-means anchors, an output without a loss, unfrozen norms, and a stop that rank 0
asks for in its validation. Each rank leaves ``rank_N.npz``, what it had, in the folder named.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from paddleseg_lite.config import parse_config
from paddleseg_lite.training.callbacks import Callback
from paddleseg_lite.training.trainer import Trainer

SCENES = {"type": "Scenes", "num_samples": 16, "size": [32, 32], "num_classes": 6}
RECIPE = {
    "model": {
        "type": "GCUNet",
        "backbone": {"type": "ResNet18", "width": 0.125, "output_stride": 8},
        "reduce_channels": 8,
        "num_nodes": [2, 4],
        "unit": {"init": "kmeans"},
    },
    "loss": {"out": {"type": "CrossEntropyLoss"}, "aux": {"type": "CrossEntropyLoss", "coef": 0}},
    "train_dataset": {**SCENES, "mode": "train"},
    "val_dataset": {**SCENES, "mode": "val", "num_samples": 4},
    "optimizer": {"type": "sgd"},
    "lr_scheduler": {"type": "Constant", "learning_rate": 0.05},
    "batch_size": 2,
    "iters": 9,
    "save_interval": 3,
    "init_context": True,
    "use_ema": True,
}


class Witness(Callback):
    """Notes what this rank has; rank 0 asks for a stop as early stop does."""

    def __init__(self):
        self.seen = {}

    def _note(self, event, trainer):
        for name, value in trainer.model.state_dict().items():
            self.seen[f"{event}/{name}"] = value.numpy()

    def on_start(self, trainer):
        self._note("start", trainer)
        for name, value in trainer.ema.shadow.items():
            self.seen[f"average/{name}"] = value.numpy()

    def on_eval(self, trainer, evaluation, is_best):
        self._note("eval", trainer)
        if trainer.rank == 0:
            trainer.request_stop("rank 0 has seen enough")


if __name__ == "__main__":
    folder, witness = Path(sys.argv[1]), Witness()
    trainer = Trainer(parse_config(RECIPE), folder / "run", callbacks=[witness])
    result = trainer.run()
    np.savez(folder / f"rank_{trainer.rank}.npz", iteration=result.iteration, reason=result.stopped_by, **witness.seen)
