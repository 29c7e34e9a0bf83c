"""What a network of PaddleSeg, torchvision or ``paddle.vision`` computes: run by an interpreter that has it.

    python origin_outputs.py JOB.json

The job is ``{"origin", "network", "weights", "seed", "input", "output", "save_weights"}``:
``network`` is ``{type, **arguments}`` of the origin; weights come from a file
(``weights``) or are drawn (``seed``: every number, batch-norm statistics too) and
saved to ``save_weights``. ``output`` becomes an ``.npz`` of the number of values
(``trainable``, ``total``) and the outputs in three modes, without dropout in all:

    eval_0        eval mode
    heads_0, ...  train mode, whose auxiliary heads speak, with the running statistics of batch norm
    train_0, ...  train mode with the batch's statistics; for torchvision in float64, since a deep network's
                  statistics of few pixels amplify rounding, which differs between libraries, a thousandfold

Nothing of paddleseg_lite is imported: the interpreter need not have it.
"""

from __future__ import annotations

import json
import sys

import numpy as np

MODES = ("eval", "heads", "train")
DETECTION_OPERATORS = (
    "nms qnms roi_align qroi_align roi_pool ps_roi_align ps_roi_pool deform_conv2d _roi_align_backward "
    "_roi_pool_backward _ps_roi_align_backward _ps_roi_pool_backward _deform_conv2d_backward"
)


def draw(name: str, old: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random values for one parameter or buffer, of a size that keeps activations near 1."""
    last = name.rpartition(".")[2]
    if last == "num_batches_tracked":
        return old
    if old.ndim > 1:
        fan_in = old.shape[0] if old.ndim == 2 else int(np.prod(old.shape[1:]))
        values = rng.normal(0.0, np.sqrt(1.0 / fan_in), old.shape)
    elif last in ("_variance", "running_var"):
        values = rng.uniform(0.7, 1.3, old.shape)
    elif last == "_weight":  # PReLU
        values = rng.uniform(0.1, 0.4, old.shape)
    elif last == "weight":
        values = rng.uniform(0.5, 1.0, old.shape)
    else:
        values = rng.normal(0.0, 0.1, old.shape)
    return values.astype(old.dtype)


def frozen(layer, mode: str) -> bool:
    """Whether a layer of a network in train mode stays in eval mode."""
    kind = type(layer).__name__
    return "Dropout" in kind or (mode == "heads" and "BatchNorm" in kind)


class Paddle:
    """PaddleSeg and ``paddle.vision``."""

    def __init__(self, origin: str, network: dict):
        import paddle

        self.paddle = paddle
        arguments = dict(network)
        kind = arguments.pop("type")
        if origin == "paddleseg":
            import paddleseg.models  # noqa: F401  (fills the tables)
            from paddleseg.cvlibs import manager

            backbone = arguments.get("backbone")
            if isinstance(backbone, dict):
                backbone = dict(backbone)
                arguments["backbone"] = manager.BACKBONES[backbone.pop("type")](**backbone)
            self.model = manager.MODELS[kind](**arguments)
        else:
            self.model = getattr(paddle.vision.models, kind)(**arguments)
        self.counts = {
            "trainable": sum(int(p.size) for p in self.model.parameters() if not p.stop_gradient),
            "total": sum(int(p.size) for p in self.model.parameters()),
        }

    def state(self):
        return {k: v.numpy() for k, v in self.model.state_dict().items()}

    def fill(self, state):
        missing, unexpected = self.model.set_state_dict(state)
        assert not missing and not unexpected, (missing, unexpected)

    def read(self, path):
        return self.paddle.load(path, return_numpy=True)

    def save(self, path):
        self.paddle.save(self.model.state_dict(), path)

    def outputs(self, x, mode):
        self.model.eval() if mode == "eval" else self.model.train()
        for layer in self.model.sublayers():
            if frozen(layer, mode):
                layer.eval()
        with self.paddle.no_grad():
            result = self.model(self.paddle.to_tensor(x))
        return [r.numpy() for r in (result if isinstance(result, (list, tuple)) else [result])]


class Torch:
    """torchvision's classification and segmentation networks."""

    def __init__(self, network: dict):
        import torch

        torch.set_num_threads(1)
        if not hasattr(torch.ops.torchvision, "nms"):  # its binary does not load: declare what importing it needs
            self.library = torch.library.Library("torchvision", "DEF")
            for name in DETECTION_OPERATORS.split():
                self.library.define(f"{name}(Tensor x) -> Tensor")
        from torchvision import models

        self.torch = torch
        arguments = dict(network)
        kind = arguments.pop("type")
        build = getattr(models.segmentation, kind, None) or getattr(models, kind)
        if hasattr(models.segmentation, kind):
            arguments.setdefault("weights_backbone", None)
        self.model = build(weights=None, **arguments)
        count = sum(p.numel() for p in self.model.parameters())
        self.counts = {"trainable": count, "total": count + sum(b.numel() for b in self.model.buffers() if b.ndim)}

    def state(self):
        return {k: v.numpy() for k, v in self.model.state_dict().items()}

    def fill(self, state):
        self.model.load_state_dict({k: self.torch.from_numpy(np.array(v)) for k, v in state.items()})

    def read(self, path):
        return {k: v.numpy() for k, v in self.torch.load(path, weights_only=True).items()}

    def save(self, path):
        self.torch.save(self.model.state_dict(), path)

    def outputs(self, x, mode):
        self.model.train(mode != "eval")
        for layer in self.model.modules():
            if frozen(layer, mode):
                layer.eval()
        if mode == "train":
            self.model.double()
        with self.torch.no_grad():
            result = self.model(self.torch.from_numpy(x))
        return [r.numpy() for r in (result.values() if isinstance(result, dict) else [result])]


def main(path: str) -> None:
    """Run one job file."""
    with open(path, encoding="utf-8") as f:
        job = json.load(f)
    network = Torch(job["network"]) if job["origin"] == "torchvision" else Paddle(job["origin"], job["network"])
    if job.get("weights"):
        network.fill(network.read(job["weights"]))
    else:
        rng = np.random.default_rng(job["seed"])
        network.fill({name: draw(name, value, rng) for name, value in network.state().items()})
        network.save(job["save_weights"])
    x = np.load(job["input"])
    found = dict(network.counts)
    for mode in MODES:
        double = mode == "train" and job["origin"] == "torchvision"
        outputs = network.outputs(x.astype("float64") if double else x, mode)
        outputs = outputs[:1] if mode == "eval" else outputs  # some give auxiliary outputs in eval mode too
        found.update({f"{mode}_{i}": value for i, value in enumerate(outputs)})
    np.savez(job["output"], **found)


if __name__ == "__main__":
    main(sys.argv[1])
