"""Day 5: name the nodes of a graph from a few named ones: ``python docs/course/scripts/day5.py --net gcn``.

A made-up graph: groups of nodes, many edges inside a group and few between
groups; features that hardly tell the groups apart; three named nodes a group.
``mlp`` is the same network without the graph (A = 0).
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # run from a checkout, uninstalled

import numpy as np

import paddleseg_lite

NETS = ("gcn", "mlp")


def make_graph(groups=3, each=30, inside=0.2, between=0.02, noise=2.0, seed=0):
    """Adjacency ``[V, V]``, features ``[V, 8]``, truth ``[V]``, mask of the named nodes ``[V]``."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(groups), each)
    chance = np.where(truth[:, None] == truth[None], inside, between)
    upper = np.triu(rng.random(chance.shape) < chance, 1)
    adjacency = (upper | upper.T).astype("float32")
    features = rng.normal(size=(groups, 8))[truth] + rng.normal(0, noise, (len(truth), 8))
    named = np.zeros(len(truth), bool)
    for g in range(groups):
        named[rng.choice(np.flatnonzero(truth == g), 3, replace=False)] = True
    return adjacency, features.astype("float32"), truth, named


def train(net="gcn", lr=0.01, num_epochs=100, batch_size=1, seed=0):
    """Train two layers of 16; returns the accuracy on the nodes without a name."""
    paddleseg_lite.setup(seed=seed)
    import paddle
    import paddle.nn.functional as F
    from paddle import nn

    from paddleseg_lite.graph import GCNLayer

    if batch_size != 1:
        raise SystemExit("a graph is one sample: --batch_size 1")
    a, x, truth, named = make_graph(seed=seed)
    a, x = paddle.to_tensor(a * (net == "gcn")), paddle.to_tensor(x[None])  # [V, V], [1, V, 8]

    class GCN(nn.Layer):
        def __init__(self):
            super().__init__()
            self.first, self.second = GCNLayer(8, 16, act=F.relu), GCNLayer(16, 3)

        def forward(self, h):
            return self.second(F.dropout(self.first(h, a), 0.5, training=self.training), a)

    model = GCN()
    optimizer = paddle.optimizer.Adam(lr, parameters=model.parameters(), weight_decay=5e-4)
    at, target = paddle.to_tensor(np.flatnonzero(named)), paddle.to_tensor(truth[named])
    for _ in range(num_epochs):
        loss = F.cross_entropy(model(x)[0].index_select(at), target)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
    model.eval()
    right = model(x)[0].argmax(-1).numpy() == truth
    print(f"{net}: loss {float(loss):.3f}, accuracy on {(~named).sum()} unnamed nodes {right[~named].mean():.3f}")
    return float(right[~named].mean())


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--net", default="gcn", choices=NETS)
    for flag, default in {"lr": 0.01, "num_epochs": 100, "batch_size": 1, "seed": 0}.items():
        p.add_argument(f"--{flag}", type=type(default), default=default)
    train(**vars(p.parse_args()))
