# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # Day 6: GCU and GloRe
#
# This notebook is the page [../../en/day6.md](../../en/day6.md), made to run: from top to bottom in less than three minutes on two cores. On AI Studio or Colab upload the project's archive (zip) beside it first.

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
# Both units put a small graph into a network: gather the pixels into V nodes, pass messages between nodes, spread the nodes
# over the pixels again. They differ in how a pixel finds its node.
#
# * **GCU** (Beyond Grids) assigns softly, by distance: each node has an anchor in feature space and a spread per channel, and
#   a pixel belongs to the nodes it is near to. The adjacency is the similarity of the nodes, different for every image. Four
#   graphs with 2, 4, 8 and 32 nodes run side by side.
# * **GloRe** projects linearly: a learned 1x1 convolution says how much each pixel adds to (or subtracts from) each node. The
#   adjacency is learned and the same for every image. The same projection takes the nodes back.
#
# Read with the papers: [graph/gcu.py](../../../../paddleseg_lite/graph/gcu.py) (NeurIPS 2018),
# [graph/glore.py](../../../../paddleseg_lite/graph/glore.py) (arXiv:1811.12814). Every network takes either as a config entry:
# `context: {type: GloRe}`.

# %%
lab.figure("docs/images/networks/gcunet.svg")

# %% [markdown]
# *A ResNet-50 with GCU.*

# %%
lab.figure("docs/images/networks/glore.svg")

# %% [markdown]
# *A ResNet-50 with GloRe.*

# %% [markdown]
# ## From equation to code
#
# | equation | file | line |
# |---|---|---|
# | GCU: $q_{ik} = \mathrm{softmax}_k(-\tfrac12\lVert (x_i-w_k)/\sigma_k\rVert^2)$ | [graph/gcu.py](../../../../paddleseg_lite/graph/gcu.py) | `return F.softmax(-0.5 * distance, axis=1)` |
# | the square, expanded so that no $V \times L \times C$ tensor is built | [graph/gcu.py](../../../../paddleseg_lite/graph/gcu.py) | `distance = paddle.matmul(inverse, x * x) - 2.0 * paddle.matmul(self.anchors * inverse, x)` |
# | $z'_k = \sum_i q_{ik}(x_i-w_k)/\sigma_k \,/\, \sum_i q_{ik}$ | [graph/gcu.py](../../../../paddleseg_lite/graph/gcu.py) | `z = residual / mass.clip(min=EPS_MASS)` |
# | $z_k = z'_k / \lVert z'_k\rVert$ | [graph/gcu.py](../../../../paddleseg_lite/graph/gcu.py) | `return z / ((z * z).sum(-1, keepdim=True) + EPS_NORM**2).sqrt()` |
# | $A = Z Z^\top$ | [graph/gcu.py](../../../../paddleseg_lite/graph/gcu.py) | `adjacency = paddle.matmul(z, z, transpose_y=True)` |
# | $\tilde X = Q\tilde Z$ | [graph/gcu.py](../../../../paddleseg_lite/graph/gcu.py) | `maps.append(to_map(paddle.matmul(nodes, q, transpose_x=True), x))  # [N, C, H, W]` |
# | GloRe: $v = \theta(X) B^\top / L$ | [graph/glore.py](../../../../paddleseg_lite/graph/glore.py) | `return mean_product(state, projection)` |
# | $W_s\,\mathrm{ReLU}(v(I - A))$ | [graph/gcn.py](../../../../paddleseg_lite/graph/gcn.py) | `return self.conv2(F.relu(h)) if self.order == "official" else F.relu(self.conv2(h))` |
# | $X + \mathrm{BN}(\mathrm{extend}(yB))$ | [graph/glore.py](../../../../paddleseg_lite/graph/glore.py) | `return add(x, self.blocker(self.conv_extend(spread))), {}` |
#
# $x_i$: the C channels of pixel i, one of L; $w_k$, $\sigma_k$: anchor and spread of node k, one of V; q, Q: how much of a pixel
# belongs to a node; z, Z: states of the nodes, $\tilde Z$ after reasoning. $\theta$: 1x1 to S state channels; B: projection map,
# V x L; v: states S x V; A: learned adjacency, $W_s$: state update, y: the reasoned states.
#
# GCU's A is put through a softmax over its rows by default, as in public code; `adj_norm: none` is the formula as it stands.
# S and V of a unit are arguments in the recipe: `context: {type: GloRe, num_state: 32, num_nodes: 16}`.

# %%
lab.figure("docs/course/figures/glore_nodes.png")

# %% [markdown]
# *GloRe with 16 nodes in a small network after 150 steps on Scenes. Red adds a pixel to the node, blue subtracts it. Node 14
# is sky against ground, node 10 the persons and trunks.*

# %%
lab.figure("docs/course/figures/gcu_owner.png")

# %% [markdown]
# *The four graphs of GCU on the same picture: which node holds most of each pixel. From 2 nodes to 32 the regions get finer;
# of the 32 nodes this picture uses about 14.*
#
# Of your own network: `tools/infer.py --explain` draws these beside the predictions; in a script use
# [graph/introspect.py](../../../../paddleseg_lite/graph/introspect.py) (`explain_model`, `report`). `report`
# also warns when nodes collapse.

# %% [markdown]
# ## Errors of the published code, and how they show
#
# * **GCU: `view` for a transpose.** Public ports hold the nodes as `[B, V, C]`, flatten, and view as `[B, C, V]`. That is a
#   reshape: it mixes channels of different nodes. It shows by nothing at all in a loss curve, but renumbering the nodes then
#   changes the result, and it must not:

# %%
import paddle

z = paddle.arange(6.0).reshape([1, 3, 2])  # three nodes of two channels
print(z.transpose([0, 2, 1])[0].tolist(), z.reshape([1, 2, 3])[0].tolist())
order = paddle.to_tensor([2, 0, 1])


def similarity(states):  # [B, C, V] -> [B, V, V]
    return states.transpose([0, 2, 1]) @ states


def same_graph(to_channels_first):
    a = similarity(to_channels_first(z))[0]
    b = similarity(to_channels_first(z.index_select(order, axis=1)))[0]
    return bool((a.index_select(order, 0).index_select(order, 1) == b).all())


assert same_graph(lambda t: t.transpose([0, 2, 1])) and not same_graph(lambda t: t.reshape([1, 2, 3]))

# %% [markdown]
# In our words, the port's line and what it should say:
#
# ```text
# z = z.reshape(batch, channels, nodes)      # wrong: z is [batch, nodes, channels]
# z = z.transpose(1, 2)                      # right
# ```
#
# * **GCU: a second normalisation** of the whole V x C vector, a habit from NetVLAD. It divides A by V.
# * **GloRe: the last BN.** The official code says it should start at zero, and its initialiser sets one. At zero the unit starts
#   as the identity and cannot harm a pretrained network:

# %%
import paddle

from paddleseg_lite.graph import GloRe

unit, x = GloRe(in_channels=8, num_state=4, num_nodes=3), paddle.randn([2, 8, 6, 5])
assert (unit(x)[0] == x).all()

# %% [markdown]
# * **GloRe: order.** PaddleSeg computes ReLU(W h), the official code W ReLU(h): weights converted without the option give another
#   network. Here: `order: paddleseg`.

# %% [markdown]
# ## Lab
#
# The lab of the page in small. The full one, with the numbers to expect, is on the page.

# %%
import day6
import paddle

from paddleseg_lite import data
from paddleseg_lite.graph.introspect import explain_model
from paddleseg_lite.visualize.node_maps import render

scores = {net: day6.train(net, num_epochs=3, num_samples=320) for net in ("plain", "glore")}
lab.bars(scores, "vehicle pixels named right")
model, score, curve = lab.fit("glore", num_epochs=1, num_samples=240, size=64)
lab.curves({"glore": curve})
picture = data.Scenes(mode="val", num_samples=1, size=(64, 64), num_classes=8).read(0)["image"]
x = paddle.to_tensor(((picture.astype("float32") / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None])
figure, axis = lab.plt.subplots(figsize=(10, 6), layout="constrained")
axis.imshow(render(explain_model(model, x), picture, index=0, max_nodes=11)["nodes"])
axis.set_axis_off()
lab.plt.show()

# %% [markdown]
# ## Exercise
#
# A non-local block relates every pixel to every other; GloRe relates V nodes. On a 64 x 64 map of 512 channels, how many
# multiply-adds do their products of activations take (non-local with C/2 channels, GloRe with S = 128, V = 64)? How does each
# grow when the sides double? The answer is `test_day6` in [test_course.py](../../../../tests/docs/test_course.py).

# %%
# multiply-adds of non-local, of GloRe; factor of each when the sides double
answer = None, None, None, None  # your answer

# %%
check(6, answer, "en");

# %% [markdown]
# <details><summary>Solution</summary>
#
# `answer = 8.59e9, 67.1e6, 16, 4`
#
# </details>
