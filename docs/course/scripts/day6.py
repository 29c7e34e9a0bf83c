"""Day 6: what a graph is good for, where context is needed: ``python docs/course/scripts/day6.py --net glore``.

A vehicle on water is a boat, on a road a car; around each lies a neutral apron
wider than the network sees. ``plain`` can only guess.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # run from a checkout, uninstalled

import paddleseg_lite

UNITS = {
    "plain": None,
    "glore": {"type": "GloRe", "num_state": 32, "num_nodes": 16},
    "gcu": {"type": "GCU", "num_nodes": [2, 4, 8, 32]},
    "nonlocal": {"type": "NonLocal", "pool": True},
    "globalpool": {"type": "GlobalPool", "match": {"type": "GloRe", "num_state": 32, "num_nodes": 16}},
}
NETS = tuple(UNITS)


def train(net="glore", lr=3e-3, num_epochs=6, batch_size=8, num_samples=400, kind="semantic", seed=0):
    """Train a network that sees 25 pixels; returns the share of vehicle pixels named right."""
    paddleseg_lite.setup(seed=seed)
    import paddle

    from paddleseg_lite import accel, data, losses
    from paddleseg_lite.data.datasets import ContextScenes
    from paddleseg_lite.models import build_model

    scenes = {"kind": kind, "difficulty": 0.0, "cue_distance": 14, "transforms": [{"type": "Normalize"}]}
    train_set = ContextScenes(mode="train", num_samples=num_samples, **scenes)
    val_set = ContextScenes(mode="val", num_samples=64, **scenes)
    one_by_one = {"type": "FCN", "style": "paddleseg", "backbone": "PlainCNN"}  # a 1x1 head: it sees 12 pixels far
    model = build_model({**one_by_one, "context": UNITS[net]}, num_classes=3)
    accel.enable(model, "fp32")
    cross_entropy = losses.CrossEntropyLoss()
    sampler = data.BatchSampler(len(train_set), batch_size, seed=seed)
    steps = num_epochs * sampler.batches_per_epoch
    poly = paddle.optimizer.lr.PolynomialDecay(lr, steps, end_lr=0.0, power=0.9)
    optimizer = paddle.optimizer.AdamW(poly, parameters=model.parameters(), weight_decay=1e-4)
    model.train()
    for batch in data.train_batches(train_set, sampler, seed=seed, stop_iter=steps):
        loss = cross_entropy(model(batch["image"])["out"], batch["label"])
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        poly.step()
    n = paddleseg_lite.evaluate(model, val_set).matrix.matrix
    right = n[1, 1] + n[2, 2]
    share = float(right / n[1:].sum())
    print(f"{net} on {kind}: loss {float(loss):.3f}, vehicle pixels named right {share:.3f}")
    return share


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--net", default="glore", choices=NETS)
    p.add_argument("--kind", default="semantic", choices=("prior", "semantic", "semantic_hard", "spatial"))
    flags = {"lr": 3e-3, "num_epochs": 6, "batch_size": 8, "num_samples": 400, "seed": 0}
    for flag, default in flags.items():
        p.add_argument(f"--{flag}", type=type(default), default=default)
    train(**vars(p.parse_args()))
