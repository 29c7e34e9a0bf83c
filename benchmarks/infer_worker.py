"""One side of ``infer_speed.py``: a network that predicts, validates or saves its output, one line of input each.

Run by that script in the interpreter that has the library; speaks JSON on standard output.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


class Ours:
    """This project through one of its backends."""

    def __init__(self, job):
        sys.path.insert(0, str(ROOT))
        import paddleseg_lite

        paddleseg_lite.setup("cpu", seed=0)
        from paddleseg_lite import accel
        from paddleseg_lite.export import load_backend
        from paddleseg_lite.interop.converters import CONVERTERS
        from paddleseg_lite.models import build_model
        from paddleseg_lite.weights import load_strict

        self.job, self.model = job, build_model(job["network"])
        conversion = CONVERTERS["paddleseg"](dict(np.load(job["weights"])), self.model)
        load_strict(self.model, conversion.state, source=job["weights"])
        self.model.eval()
        accel.enable(self.model, "fp32")  # what tools do on a CPU
        kind, precision = job["backend"].split()
        self.backend = load_backend(kind, self.model, precision=precision, folder=job["cache"])

    def predict(self, x):
        return self.backend(x)

    def val(self, count):
        """Seconds and mIoU (PaddleSeg's convention) of the first images, as tools/val.py takes them."""
        from paddleseg_lite.data.building import build_dataset
        from paddleseg_lite.inference.evaluation import evaluate
        from paddleseg_lite.metrics import MeanCrossEntropy

        spec = {"type": "CamVid", "dataset_root": self.job["camvid"], "transforms": [{"type": "Normalize"}]}
        dataset = build_dataset(spec, mode="val")
        dataset.items = dataset.items[:count]
        started = time.perf_counter()
        found = evaluate(self.backend, dataset, loss=MeanCrossEntropy(dataset.ignore_index), convention="zero")
        return {"seconds": time.perf_counter() - started, "images": found.images, "mIoU": float(found.scores.mIoU)}

    def peak(self):
        """GFLOP/s that oneDNN reaches on large convolutions here."""
        from paddleseg_lite.benchmark.machine_peak import measure_peaks

        return measure_peaks()


class PaddleSeg:
    """PaddleSeg as it is."""

    def __init__(self, job):
        import paddle
        import paddleseg.models  # noqa: F401  (fills the tables)
        from paddleseg.cvlibs import manager

        self.job, self.paddle = job, paddle
        arguments = dict(job["network"])
        kind = arguments.pop("type")
        if "backbone" in arguments:
            backbone = dict(arguments["backbone"])
            arguments["backbone"] = manager.BACKBONES[backbone.pop("type")](**backbone)
        self.model = manager.MODELS[kind](**arguments)
        self.model.eval()
        if Path(job["weights"]).exists():
            self.model.set_state_dict(dict(np.load(job["weights"])))
        else:
            self.draw(job["weights"])

    def draw(self, path):
        """Random values for all weights and statistics, saved for the other sides."""
        spec = importlib.util.spec_from_file_location(
            "origin_outputs", ROOT / "paddleseg_lite" / "interop" / "origin_outputs.py"
        )
        origin = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(origin)
        rng = np.random.default_rng(0)
        self.model.set_state_dict({k: origin.draw(k, v.numpy(), rng) for k, v in self.model.state_dict().items()})
        np.savez(path, **{k: v.numpy() for k, v in self.model.state_dict().items()})  # one tensor may have two names

    def predict(self, x):
        with self.paddle.no_grad():
            return self.model(self.paddle.to_tensor(x))[0].numpy()

    def val(self, count):
        import contextlib
        import io

        from paddleseg.core import evaluate
        from paddleseg.datasets import Dataset
        from paddleseg.transforms import Normalize
        from paddleseg.utils import metrics

        root = Path(self.job["camvid"])
        dataset = Dataset(
            transforms=[Normalize()],
            dataset_root=str(root),
            num_classes=11,
            mode="val",
            val_path=str(root / "val.txt"),
            ignore_index=11,
        )
        dataset.file_list = dataset.file_list[:count]
        metrics.paddle = Stacking(self.paddle)
        started = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            miou = evaluate(self.model, dataset, num_workers=0, print_detail=False)[0]
        return {"seconds": time.perf_counter() - started, "images": len(dataset), "mIoU": float(miou)}


class Stacking:
    """Paddle for PaddleSeg's metrics, which concatenate scalars; since Paddle 2.5 those are 0-D and must be stacked."""

    def __init__(self, paddle):
        self.paddle = paddle

    def __getattr__(self, name):
        return getattr(self.paddle, name)

    def concat(self, tensors, axis=0):
        join = self.paddle.stack if tensors[0].ndim == 0 else self.paddle.concat
        return join(tensors, axis)


def main() -> None:
    job = json.loads(sys.argv[1])
    side = {"ours": Ours, "paddleseg": PaddleSeg}[job["side"]](job)
    x = np.load(job["image"])
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "predict":
            wall, cpu = time.perf_counter(), time.process_time()
            side.predict(x)
            answer = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        elif command == "save":
            np.save(argument, side.predict(x))
            answer = {}
        else:
            answer = getattr(side, command)(*([int(argument)] if argument else []))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
