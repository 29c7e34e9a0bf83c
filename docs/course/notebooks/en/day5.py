# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # Day 5: graph convolution
#
# This notebook is the page [../../en/day5.md](../../en/day5.md), made to run: from top to bottom in less than three minutes on two cores. On AI Studio or Colab upload the project's archive (zip) beside it first.

# %%
# find the project, install what is missing
import importlib.util
import os
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

warnings.filterwarnings("ignore", message="When training, we now always track")  # of Paddle's batch norm
for archive in Path.cwd().glob("paddleseg_lite*.zip"):
    zipfile.ZipFile(archive).extractall()
near = [Path.cwd(), *Path.cwd().parents, *(p for p in Path.cwd().iterdir() if p.is_dir())]
root = next((p for p in near if (p / "docs" / "course" / "notebooks").is_dir()), None)
if root is None:
    raise FileNotFoundError("put the project's archive (paddleseg_lite*.zip) beside this notebook")
packages = {
    "paddle": "paddlepaddle", "cv2": "opencv-python-headless", "yaml": "PyYAML", "scipy": "scipy", "PIL": "Pillow",
    "matplotlib": "matplotlib", "tifffile": "tifffile", "tqdm": "tqdm",
}
missing = [package for name, package in packages.items() if importlib.util.find_spec(name) is None]
if missing:
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *missing], check=True)
os.chdir(root)
sys.path[:0] = [str(root / part) for part in ("", "docs/course/scripts", "docs/course/notebooks")]

import paddleseg_lite
from paddleseg_lite.language import set_language

set_language("en")
paddleseg_lite.setup(seed=0)  # threads, before paddle is imported
import lab
from checks import check

# %matplotlib inline

# %% [markdown]
# ## The idea
#
# A convolution mixes a pixel with its neighbours on the grid. A graph convolution mixes a *node* with its neighbours in a
# graph: first each node takes in a weighted sum of its neighbours' states (messages), then every state is multiplied by the
# same matrix (update). The graph says who talks to whom, the matrix what is made of it.
#
# Kipf and Welling (arXiv:1609.02907) normalise the adjacency symmetrically and let each node keep itself. Days 6 and 7 apply
# this to images: pixels are gathered into a few nodes, the nodes talk, and what they learned goes back to the pixels. Then
# two far corners of a picture are one step apart.
#
# Read with the paper: [graph/gcn.py](../../../../paddleseg_lite/graph/gcn.py).

# %%
lab.figure("docs/images/networks/unit_in_deeplab.svg")

# %% [markdown]
# *Where a graph unit stands in a network: DeepLab V3+ with `context: {type: GloRe}`.*

# %% [markdown]
# ## From equation to code
#
# | equation | file | line |
# |---|---|---|
# | $\tilde A = A + I$ | [graph/gcn.py](../../../../paddleseg_lite/graph/gcn.py) | `a = a + paddle.eye(a.shape[-1], dtype=a.dtype)  # A~ = A + I` |
# | $\tilde D_{ii} = \sum_j \tilde A_{ij}$ | [graph/gcn.py](../../../../paddleseg_lite/graph/gcn.py) | `degree = a.sum(-1)  # D~_ii = sum_j A~_ij` |
# | $L = \tilde D^{-1/2}\tilde A\tilde D^{-1/2}$ | [graph/gcn.py](../../../../paddleseg_lite/graph/gcn.py) | `return a * scale.unsqueeze(-2) if normalize == "sym" else a` |
# | $H' = \sigma(L H W)$ | [graph/gcn.py](../../../../paddleseg_lite/graph/gcn.py) | `out = self.linear(paddle.matmul(messages, h))  # (L H) W + b: the bias is not passed between nodes` |
# | learned adjacency, residual: $v(I + W_n^\top) + b$ | [graph/gcn.py](../../../../paddleseg_lite/graph/gcn.py) | `h = self.conv1(v.transpose([0, 2, 1])).transpose([0, 2, 1]) + v  # convolve along the nodes` |
#
# A: adjacency, $A_{ij}$ how much node i takes in from node j; I: identity; $\tilde D$: diagonal matrix of the row sums of
# $\tilde A$; L: the message matrix; H: states, a row a node; W: the weights of the update; $\sigma$: an activation. v: states of
# GloRe, a column a node; $W_n$, b: its learned adjacency and bias.

# %%
lab.figure("docs/course/figures/gcn_propagation.png")

# %% [markdown]
# *One unit of signal at a node of a small graph. After one step it is at the neighbours, after two at theirs; the bridge in
# the middle lets little through. After very many steps only the degrees are left.*

# %% [markdown]
# ## Errors, and how they show
#
# The course notes have the formula and no code for this day. These are the slips that turn up in homework:
#
# * **No normalisation.** The largest eigenvalue of A + I is about the degree; each layer multiplies by it.
# * **No self-loop.** A node then forgets its own state in every layer; on two connected nodes the states only swap.
# * **Too many layers.** All states become multiples of one vector (over-smoothing).

# %%
import paddle

from paddleseg_lite.graph import normalize_adjacency

a = paddle.to_tensor([[0.0, 1, 1, 1], [1, 0, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]])
raw, normal = a + paddle.eye(4), normalize_adjacency(a)
h = paddle.randn([4, 2])
grown, kept = h, h
for _ in range(20):
    grown, kept = raw @ grown, normal @ kept
print(float(grown.abs().max()), float(kept.abs().max()))
assert float(grown.abs().max()) > 1e6 * float(kept.abs().max())

pair = paddle.to_tensor([[0.0, 1], [1, 0]])
swapped = normalize_adjacency(pair, add_self=False) @ paddle.to_tensor([[1.0], [0.0]])
assert swapped.flatten().tolist() == [0.0, 1.0]

shares = kept / raw.sum(1, keepdim=True).sqrt()  # over-smoothed: every row the same but for the root of its degree
print(shares)
assert float((shares - shares[0]).abs().max()) < 1e-4

# %% [markdown]
# ## Lab
#
# The lab of the page in small. The full one, with the numbers to expect, is on the page.

# %%
import day5
import numpy as np

scores = {net: day5.train(net) for net in ("gcn", "mlp")}
lab.bars(scores, "accuracy")
adjacency, features, truth, named = day5.make_graph()
order = np.argsort(truth, kind="stable")
figure, axes = lab.plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
axes[0].imshow(adjacency[order][:, order], cmap="Greys")
axes[1].scatter(features[:, 0], features[:, 1], c=truth, s=np.where(named, 90, 15))
for axis, title in zip(axes, ("adjacency", "two of the eight features")):
    axis.set_title(title)
lab.plt.show()

# %% [markdown]
# ## Exercise
#
# To which value does the signal at node 0 of the figure converge after infinitely many steps? (Node 0 has two neighbours, the
# graph seven nodes and eight edges.) The answer is `test_day5` in [test_course.py](../../../../tests/docs/test_course.py).

# %%
# the value
answer = None  # your answer

# %%
check(5, answer, "en");

# %% [markdown]
# <details><summary>Solution</summary>
#
# `answer = 3 / 23`
#
# </details>
