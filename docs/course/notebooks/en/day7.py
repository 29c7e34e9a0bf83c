# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # Day 7: GINet
#
# This notebook is the page [../../en/day7.md](../../en/day7.md), made to run: from top to bottom in less than three minutes on two cores. On AI Studio or Colab upload the project's archive (zip) beside it first.

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
# GloRe's nodes know the picture and nothing else. GINet adds a second graph that knows the *classes*: one node per class,
# made from the word embedding of its name ("car" lies nearer to "bus" than to "sky"). The two graphs interact:
#
# * **S2V** (semantic to visual): each visual node looks at all class nodes and takes in what fits.
# * **V2S** (visual to semantic): each class node looks at the visual nodes and becomes an example of itself in this picture.
#
# Without a file of word vectors, as in the lab, each class gets a fixed random direction: distinct, but "car" is then no nearer
# to "bus" than to "sky".
#
# The visual nodes go back to the pixels as in GloRe. From each class node a linear layer says whether the class is in the
# picture at all; the SC-loss trains it by binary cross-entropy, and with it the V2S path.
#
# Read with the paper (arXiv:2009.06160): [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py),
# [models/ginet.py](../../../../paddleseg_lite/models/ginet.py).

# %%
lab.figure("docs/images/networks/ginet.svg")

# %% [markdown]
# *GINet: the unit also answers which classes are there.*

# %% [markdown]
# ## From equation to code
#
# | equation | file | line |
# |---|---|---|
# | $P = Z (\phi X)^\top / L$ | [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py) | `return mean_product(pixels(assignment), pixels(self.conv_phi(x)))` |
# | $S = \mathrm{MLP}(\text{embeddings})$ | [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py) | `s = relu(norm(s)).squeeze([0, -1]).transpose([1, 0])` |
# | $E = (W_q\tilde S)(W_k\tilde P)^\top$ | [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py) | `energy = paddle.matmul(self.query(s), self.key(p), transpose_y=True)  # [N, K, V]` |
# | gates: softmax of E over classes, over visual nodes | [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py) | `g_s2v, g_v2s = F.softmax(energy, axis=1), F.softmax(energy, axis=2)` |
# | $P_o = \tilde P + \beta\,G_{s2v}^\top\tilde S W$ | [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py) | `p_out = p + self.beta_s2v * paddle.matmul(g_s2v, self.s2v(s), transpose_x=True)` |
# | $S_o = \beta'\tilde S + G_{v2s}\tilde P W'$ | [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py) | `s_out = self.beta_v2s * s + paddle.matmul(g_v2s, self.v2s(p))` |
# | $X + \mathrm{BN}(\mathrm{extend}(Z^\top P_o))$ | [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py) | `y = add(x, self.norm(self.conv_extend(spread)))` |
# | presence: $y_m = 1$ iff class m has a pixel | [losses/presence.py](../../../../paddleseg_lite/losses/presence.py) | `return F.binary_cross_entropy_with_logits(logits.astype("float32"), target)` |
# | $L = L_{ce} + 0.4\,L_{aux} + 0.2\,L_{sc}$ | [docs/course/scripts/train_basic.py](../../scripts/train_basic.py) | `LOSS_WEIGHTS = {"out": 1.0, "aux": 0.4, "presence": 0.2}` |
#
# X: the map, L its pixels; Z: projection map of V nodes, $\phi$: 1x1 to D state channels; P: visual nodes, S: class nodes, K of
# them, with a tilde after reasoning in their own graph; $W_q$, $W_k$, W, W': linear layers; $\beta$, $\beta'$: a learned factor a
# node, 0 at first; $y_m$: whether class m is in the picture.
#
# The weight 0.2 is a habit of related code; the paper's own value could not be verified.

# %%
lab.figure("docs/course/figures/ginet_nodes.png")

# %%
lab.figure("docs/course/figures/ginet_gates.png")

# %% [markdown]
# *A small network after 150 steps on Scenes. Left, the S2V gate: each visual node (column) has chosen a class or two; nodes 11
# and 12 took "car". The V2S gate has collapsed onto one visual node, and presence says yes to everything. Both follow from
# the data: nearly every scene has all eight classes, so "yes" is nearly always right and there is nothing to choose for. Data
# with many classes and few per picture (ADE20K, PASCAL-Context) is what the loss was made for; the lab makes such data.*

# %% [markdown]
# ## Errors of published code, and how they show
#
# * **All class embeddings zero.** PaddleSeg's GINet has a frozen matrix of zeros where the embeddings belong. Every class node
#   is the same, and the semantic graph knows no class. It shows when two classes trade their words and nothing changes:

# %%
import paddle

from paddleseg_lite.graph import GINet


def change_by_swapping_words(style):
    paddle.seed(0)
    unit = GINet(in_channels=8, num_classes=4, num_state=8, num_nodes=3, style=style)
    unit.eval()
    before, words = unit.class_nodes(), unit.class_embeddings
    words.set_value(words.index_select(paddle.to_tensor([1, 0, 2, 3])))
    return float((unit.class_nodes() - before).abs().max())


print(change_by_swapping_words("paper"), change_by_swapping_words("paddleseg"))
assert change_by_swapping_words("paper") > 1e-4 and change_by_swapping_words("paddleseg") == 0

# %% [markdown]
# * **PaddleSeg has no SC-loss**, and discards the output of the V2S path. It shows as parameters without gradient:

# %%
import paddle

from paddleseg_lite.graph import GINet


def dead(style):
    unit = GINet(in_channels=8, num_classes=4, num_state=8, num_nodes=3, style=style, zero_init=False)
    y, extras = unit(paddle.randn([2, 8, 6, 6]))
    (y.square().sum() + sum(e.square().sum() for e in extras.values())).backward()
    return [name for name, p in unit.named_parameters() if not p.stop_gradient and p.grad is None]


print(dead("paddleseg"))
assert any(name.startswith("v2s") for name in dead("paddleseg")) and not dead("paper")

# %% [markdown]
# Both stay as they are in `style: paddleseg`, so that PaddleSeg's weights give PaddleSeg's outputs; the default style is the paper's.
#
# * **Two losses called SC.** GINet's semantic-context loss is the presence loss above. PaddleSeg's
#   `SemanticConnectivityLoss` is about connected regions and has nothing to do with it.

# %% [markdown]
# ## Lab
#
# The lab of the page in small. The full one, with the numbers to expect, is on the page.

# %%
import day7

answers = {}
answers["ginet"], curve = lab.listen(day7.ask, "ginet", num_epochs=3, num_samples=240)
lab.curves({"ginet": curve})
lab.bars({k: v for k, v in answers["ginet"].items() if k.startswith("right")}, "presence")

# %% [markdown]
# ## Exercise
#
# At the start both $\beta$ are zero. Show that `P_o` then equals the reasoned nodes exactly, and that the picture's logits do
# not depend on the embeddings, while the presence logits do. The answer is `test_day7` in
# [test_course.py](../../../../tests/docs/test_course.py).

# %%
# does the map change with the embeddings? do the presence logits?
answer = None, None  # your answer

# %%
check(7, answer, "en");

# %% [markdown]
# <details><summary>Solution</summary>
#
# `answer = False, True`
#
# </details>
