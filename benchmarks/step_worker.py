"""One side of ``train_step.py``: builds a network and runs one training step or inference per line of input.

Run by that script in the interpreter that has the library; speaks JSON on standard output.
"""

from __future__ import annotations

import ctypes
import json
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def keep_pages() -> None:
    """The allocator settings of ``paddleseg_lite.runtime`` for a process that does not have it."""
    mallopt = ctypes.CDLL(None).mallopt
    for key, value in ((-4, 0), (-1, 2**31 - 1), (-2, 64 << 20)):
        mallopt(key, value)


class Ours:
    """This project, accelerated or not."""

    def __init__(self, job):
        sys.path.insert(0, str(ROOT))
        import paddleseg_lite

        paddleseg_lite.setup("cpu", seed=0)
        from paddleseg_lite import accel
        from paddleseg_lite.models import build_model

        self.model = build_model({**job["network"], "num_classes": job["num_classes"]})
        report = accel.enable(self.model, job["mode"], eval_mode=job["mode"])
        self.note = str(report)
        self.prepare(job)

    def prepare(self, job):
        """Data, loss and optimizer of Paddle."""
        import paddle

        self.paddle = paddle
        paddle.seed(1)
        self.x = paddle.randn(job["shape"])
        self.y = paddle.randint(0, job["num_classes"], [job["shape"][0], *job["shape"][2:]])
        self.optimizer = paddle.optimizer.Momentum(1e-4, parameters=self.model.parameters(), weight_decay=4e-5)

    def maps(self):
        """Logits, the main ones first."""
        outputs = self.model(self.x)
        return [outputs["out"], *(v for k, v in outputs.items() if k != "out" and v.ndim == 4)]

    def train(self) -> float:
        self.model.train()
        loss = 0.0
        for index, logits in enumerate(self.maps()):
            loss = loss + (0.4 if index else 1.0) * self.paddle.nn.functional.cross_entropy(logits, self.y, axis=1)
        loss.backward()
        self.optimizer.step()
        self.optimizer.clear_grad()
        return float(loss)

    def infer(self) -> float:
        self.model.eval()
        with self.paddle.no_grad():
            return float(self.maps()[0].mean())

    def parameters(self) -> int:
        return sum(int(p.size) for p in self.model.parameters() if not p.stop_gradient)


def peer_network(description: dict, num_classes: int):
    """A network of PaddleSeg from its own description."""
    import paddleseg.models
    from paddleseg.cvlibs import manager

    arguments = dict(description)
    kind = arguments.pop("type")
    if "backbone" in arguments:
        backbone = dict(arguments["backbone"])
        arguments["backbone"] = manager.BACKBONES[backbone.pop("type")](**backbone)
    return getattr(paddleseg.models, kind)(num_classes=num_classes, **arguments)


class PaddleSeg(Ours):
    """PaddleSeg as it is."""

    def __init__(self, job):
        import paddle
        import paddleseg

        self.model = peer_network(job["network"], job["num_classes"])
        self.note = f"PaddleSeg {paddleseg.__version__}, paddle {paddle.__version__}"
        self.prepare(job)

    def maps(self):
        return self.model(self.x)


class Torch:
    """PyTorch, on channels-last data unless told otherwise, with autocast for bf16."""

    def __init__(self, job):
        keep_pages()
        import torch

        self.torch, self.bf16 = torch, job["mode"] == "bf16"
        torch.manual_seed(1)
        order = torch.channels_last if job.get("last", True) else torch.contiguous_format
        self.model = torch_network(torch, job["network"], job["num_classes"]).to(memory_format=order)
        self.x = torch.randn(job["shape"]).to(memory_format=order)
        self.run = torch.compile(self.model) if job.get("compile") else self.model
        self.y = torch.randint(0, job["num_classes"], [job["shape"][0], *job["shape"][2:]])
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-4, momentum=0.9, weight_decay=4e-5)
        self.note = f"torch {torch.__version__}, {torch.get_num_threads()} threads"

    def maps(self):
        with self.torch.autocast("cpu", self.torch.bfloat16, enabled=self.bf16):
            outputs = self.run(self.x)
        outputs = list(outputs.values()) if isinstance(outputs, dict) else [outputs]
        return [o.float() for o in outputs]

    def train(self) -> float:
        self.model.train()
        loss = 0.0
        for index, logits in enumerate(self.maps()):
            loss = loss + (0.4 if index else 1.0) * self.torch.nn.functional.cross_entropy(logits, self.y)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss.detach())

    def infer(self) -> float:
        self.model.eval()
        with self.torch.no_grad():
            return float(self.maps()[0].mean())

    def parameters(self) -> int:
        return sum(p.numel() for p in self.model.parameters())


def torch_network(torch, network, num_classes):
    """UNet (the graph of our ``paddleseg`` variant) or one of torchvision's."""
    if network["type"] != "UNet":
        if not hasattr(torch.ops.torchvision, "nms"):  # a torchvision without its compiled operators
            sys.path.insert(0, str(ROOT))
            from paddleseg_lite.interop.origin_outputs import DETECTION_OPERATORS

            library = torch.library.Library("torchvision", "DEF")
            for name in DETECTION_OPERATORS.split():
                library.define(f"{name}(Tensor x) -> Tensor")
            torch.declared = library  # it lives as long as this object
        from torchvision.models import segmentation

        build = getattr(segmentation, network["type"])
        return build(weights=None, weights_backbone=None, num_classes=num_classes, aux_loss=True)
    nn, functional = torch.nn, torch.nn.functional

    def double(i, o):
        units = [nn.Sequential(nn.Conv2d(a, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU()) for a in (i, o)]
        return nn.Sequential(*units)

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [64, 128, 256, 512, 512]
            downs = [nn.Sequential(nn.MaxPool2d(2), double(a, b)) for a, b in zip(widths, widths[1:])]
            self.downs = nn.ModuleList([double(3, 64), *downs])
            self.ups = nn.ModuleList([double(1024, 256), double(512, 128), double(256, 64), double(128, 64)])
            self.classifier = nn.Conv2d(64, num_classes, 3, padding=1)

        def forward(self, x):
            skips = []
            for down in self.downs:
                x = down(x)
                skips.append(x)
            for up, skip in zip(self.ups, skips[-2::-1]):
                x = functional.interpolate(x, size=skip.shape[2:], mode="bilinear")
                x = up(torch.cat([x, skip], 1))
            return self.classifier(x)

    return UNet()


def main() -> None:
    job = json.loads(sys.argv[1])
    side = {"ours": Ours, "paddleseg": PaddleSeg, "torch": Torch}[job["side"]](job)
    print(json.dumps({"note": side.note, "parameters": side.parameters()}), flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        value = getattr(side, line.strip())()
        seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MiB
        print(json.dumps({"wall": seconds, "cpu": cpu_seconds, "value": value, "peak": peak}), flush=True)


if __name__ == "__main__":
    main()
