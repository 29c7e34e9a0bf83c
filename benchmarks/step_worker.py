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

    keeps_gradients = False  # between steps, as zeros

    def __init__(self, job):
        sys.path.insert(0, str(ROOT))
        import paddleseg_lite

        paddleseg_lite.setup("cpu", seed=0)
        from paddleseg_lite import accel
        from paddleseg_lite.models import build_model

        self.model = build_model({**job["network"], "num_classes": job["num_classes"]})
        report = accel.enable(self.model, job["mode"], eval_mode=job["mode"])
        self.note = str(report)
        if job.get("recompute"):
            from paddleseg_lite.layers import recompute_blocks

            recompute_blocks(self.model)
        self.prepare(job)

    def prepare(self, job):
        """Data, loss and optimizer of Paddle."""
        import paddle

        self.paddle, self.done, self.tidies = paddle, 0, job.get("tidy", False)
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
        self.optimizer.clear_grad(set_to_zero=self.keeps_gradients)
        self.tidy()
        return float(loss)

    def infer(self) -> float:
        self.model.eval()
        with self.paddle.no_grad():
            value = float(self.maps()[0].mean())
        self.tidy()
        return value

    def tidy(self) -> None:
        """What trainer and backend do; of a few steps only where memory is what is measured."""
        if self.tidies:
            from paddleseg_lite.runtime import tidy_memory

            self.done += 1
            tidy_memory(self.done)

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

    keeps_gradients = True

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
        if job.get("keep_pages", True):
            keep_pages()
        import torch

        self.torch, self.bf16 = torch, job["mode"] == "bf16"
        from torch_networks import torch_network

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
