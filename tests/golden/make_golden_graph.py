"""Outputs of a torch GloRe unit for tests/graph/test_unit_glore.py; run with a Python that has torch.

    python tests/golden/make_golden_graph.py

The module below has the layer names and shapes of the official unit (1x1
convolutions, Conv1d over nodes and over states, BN at the end); the weights are
the formula's, so nothing but the output is stored.
"""

from pathlib import Path

import numpy as np
import torch
from formula import formula_image, formula_state
from torch import nn


class TorchGloRe(nn.Module):
    def __init__(self, channels, states, nodes):
        super().__init__()
        self.conv_state = nn.Conv2d(channels, states, 1)
        self.conv_proj = nn.Conv2d(channels, nodes, 1)
        self.gcn = nn.ModuleDict(
            {"conv1": nn.Conv1d(nodes, nodes, 1), "conv2": nn.Conv1d(states, states, 1, bias=False)}
        )
        self.conv_extend = nn.Conv2d(states, channels, 1, bias=False)
        self.blocker = nn.BatchNorm2d(channels, eps=1e-4)

    def forward(self, x):
        n, _, h, w = x.shape
        state, proj = self.conv_state(x).view(n, -1, h * w), self.conv_proj(x).view(n, -1, h * w)
        v = torch.einsum("nsl,nvl->nsv", state, proj) / (h * w)
        mixed = self.gcn["conv1"](v.permute(0, 2, 1)).permute(0, 2, 1) + v
        v = self.gcn["conv2"](torch.relu(mixed))
        y = torch.einsum("nsv,nvl->nsl", v, proj).view(n, -1, h, w)
        return x + self.blocker(self.conv_extend(y))


def main():
    net = TorchGloRe(16, 8, 6).eval()
    shapes = {k: v.shape for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    names = {k: k.replace("running_mean", "_mean").replace("running_var", "_variance") for k in shapes}
    weights = formula_state({names[k]: s for k, s in shapes.items()})
    net.load_state_dict({k: torch.from_numpy(weights[names[k]]) for k in shapes}, strict=False)
    with torch.no_grad():
        glore = net(torch.from_numpy(formula_image(2, 16, 7, 9))).numpy()
    np.savez_compressed(Path(__file__).with_name("graph.npz"), glore=glore)


if __name__ == "__main__":
    main()
