# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # Day 4: dilated convolution and DeepLab V1 to V3+
#
# This notebook is the page [../../en/day4.md](../../en/day4.md), made to run: from top to bottom in less than three minutes on two cores. On AI Studio or Colab upload the project's archive (zip) beside it first.

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
# Every stride doubles what a network sees and halves what it can resolve. A *dilated* (atrous) convolution has its taps D
# pixels apart: it sees as far as a strided one and keeps the resolution. So a stride is removed and the layers behind it are
# dilated by as much. With padding p = D a 3x3 convolution keeps the size for every D.
#
# | network | what it adds |
# |---|---|
# | V1 | VGG16 with the last two strides removed (output stride 8), fc6 as 3x3 with D = 12 (LargeFOV), scores from five earlier maps (MSc), dense CRF afterwards |
# | V2 | ResNet-101; several rates side by side, their scores added (ASPP); three image scales, the largest score wins |
# | V3 | ASPP with BN, a 1x1 branch and an image-level branch; multi-grid (1, 2, 4) in the last stage; no CRF |
# | V3+ | a decoder: ASPP's map enlarged to stride 4, joined with 48 channels of the first stage |
#
# Read with the papers: [deeplab_v1.py](../../../../paddleseg_lite/models/deeplab_v1.py) (arXiv:1412.7062),
# [deeplab_v2.py](../../../../paddleseg_lite/models/deeplab_v2.py) (1606.00915),
# [deeplab_v3.py](../../../../paddleseg_lite/models/deeplab_v3.py) (1706.05587),
# [deeplab_v3plus.py](../../../../paddleseg_lite/models/deeplab_v3plus.py) (1802.02611),
# [the CRF](../../../../paddleseg_lite/postprocess/crf.py).

# %%
lab.figure("docs/images/networks/deeplab_v1_msc.svg")

# %% [markdown]
# *DeepLab V1 with MSc: six depths give scores, and they are added.*

# %%
lab.figure("docs/images/networks/deeplab_v2.svg")

# %% [markdown]
# *DeepLab V2.*

# %%
lab.figure("docs/images/networks/deeplab_v3.svg")

# %% [markdown]
# *DeepLab V3.*

# %%
lab.figure("docs/images/networks/deeplab_v3plus.svg")

# %% [markdown]
# *DeepLab V3+: the decoder joins a map at 1/4 that sees 35 pixels.*

# %% [markdown]
# ## From equation to code
#
# | equation | file | line |
# |---|---|---|
# | $y[i] = \sum_k x[i + D k]\,w[k]$, padding p = D | [models/deeplab_v2.py](../../../../paddleseg_lite/models/deeplab_v2.py) | `[nn.Conv2D(in_channels, num_classes, 3, padding=r, dilation=r, weight_attr=normal(0.01)) for r in rates]` |
# | nominal field of view $(k-1) \cdot r \cdot 8 + 32$ (V1, table 2) | [models/deeplab_v1.py](../../../../paddleseg_lite/models/deeplab_v1.py) | `return (kernel - 1) * rate * 8 + 32` |
# | output stride: replace a stride by twice the dilation | [backbones/resnet.py](../../../../paddleseg_lite/backbones/resnet.py) | `step, dilation = 1, dilation * 2` |
# | multi-grid: rate = dilation · (1, 2, 4) | [backbones/resnet.py](../../../../paddleseg_lite/backbones/resnet.py) | `rate = (first if i == 0 else dilation) * (multi_grid[i] if index >= 3 else 1)` |
# | V1's MSc: $\mathrm{score}(\mathrm{fc7}) + \sum_m \mathrm{score}(\mathrm{branch}_m)$ | [models/deeplab_v1.py](../../../../paddleseg_lite/models/deeplab_v1.py) | `return {"out": reduce(add, (score(m) for score, m in zip(self.scores, maps)))}` |
# | V2: $\sum_r \mathrm{score}_r$ | [models/deeplab_v2.py](../../../../paddleseg_lite/models/deeplab_v2.py) | `return reduce(add, (branch(x) for branch in self.branches))` |
# | V2: maximum over image scales | [models/deeplab_v2.py](../../../../paddleseg_lite/models/deeplab_v2.py) | `return {"out": reduce(paddle.maximum, fused), **outputs}` |
# | V3: concatenate 5 x 256, project | [layers/pyramid.py](../../../../paddleseg_lite/layers/pyramid.py) | `return self.dropout(self.project(concat(maps)))` |
# | V3+: join with stage 1 | [models/deeplab_v3plus.py](../../../../paddleseg_lite/models/deeplab_v3plus.py) | `y = self.decoder(concat([y, low]))` |
# | new layers at ten times the learning rate | [models/base.py](../../../../paddleseg_lite/models/base.py) | `multiplier = 1.0 if id(parameter) in base_ids else (bias_mult if is_bias else head_lr_mult)` |
# | CRF: $Q_i \leftarrow \mathrm{softmax}(\log P_i + \sum_k w_k \sum_{j \ne i} k_k(i,j)\,Q_j)$ | [postprocess/crf.py](../../../../paddleseg_lite/postprocess/crf.py) | `energy[share] += message(q[share])` |
# | poly: $\mathrm{lr} = \mathrm{base}\,(1 - it/max)^{0.9}$ | [docs/course/scripts/train_basic.py](../../scripts/train_basic.py) | `poly = paddle.optimizer.lr.PolynomialDecay(lr, steps, end_lr=0.0, power=0.9)` |
#
# x, y, w: input, output and taps of a convolution, D its dilation, k its taps' number; r: the rate of a branch; m: the maps that
# MSc looks at, image and pool1 to pool4. it, max: number of the step and of all steps. P: the network's probabilities at pixel
# i, Q: the refined ones, $k_k$: the two kernels below with their weights $w_k$.

# %%
lab.figure("docs/course/figures/atrous_patterns.png")

# %% [markdown]
# *Which pixels one output uses, and how often. Three layers of rate 2 use 29 % of their window (gridding); rates 1, 2, 4
# use all of it. The rates 4, 8, 16 of stage 4 at output stride 8 have holes again; the stages in front fill them.*

# %%
lab.figure("docs/course/figures/aspp_degeneration.png")

# %% [markdown]
# *A large rate on a small map: at rate n on an n x n map only the centre tap meets data, and the 3x3 convolution has become a
# 1x1. That is why V3 adds image pooling instead of still larger rates, and why our small recipes use
# small rates (2, 4, 6 in `deeplab_v3_scenes.yml`).*
#
# LargeFOV's "field of view 224" counts a stride of 8 and 32 pixels of VGG. The receptive field proper, followed through all
# layers, is 419 pixels (435 with the average pooling of the release). Both are tests here.

# %% [markdown]
# ## MSc: scores from six depths
#
# V1's MSc is an early skip connection. The image and each of pool1 to pool4 get two small layers (3x3 with a stride that brings
# all to 1/8, then 1x1, 128 channels each) and a score of their own; the six scores are added. The paper says that the 128
# channels are *concatenated* and scored by one layer. Both are the same: a 1x1 convolution over concatenated channels is the sum
# of 1x1 convolutions over the parts (a test of ours). Only the new layers are trained (`freeze_trunk: true`); it brings about
# 1.5 points in the paper.

# %% [markdown]
# ## Ten times the learning rate
#
# A backbone that has seen ImageNet needs small steps, the layers behind it start from nothing. All DeepLab recipes train the
# new layers at 10 times the rate (biases of the last layer at 20). An optimizer takes groups for that:

# %%
from paddleseg_lite.models import build_model

model = build_model(
    {"type": "DeepLabV3", "backbone": {"type": "ResNet18", "width": 0.25}, "aspp_channels": 16}, num_classes=8
)
groups = model.parameter_groups(head_lr_mult=10.0)
print([(group["learning_rate"], sum(int(p.size) for p in group["params"])) for group in groups])
assert [group["learning_rate"] for group in groups] == [1.0, 10.0]
assert sum(len(g["params"]) for g in groups) == sum(not p.stop_gradient for p in model.parameters())

# %% [markdown]
# In a recipe: `optimizer: {head_lr_mult: 10}`; in [train_basic.py](../../scripts/train_basic.py): `--head_lr 10`. With a backbone
# that starts from nothing too, as in the labs, it is of no use.

# %% [markdown]
# ## The dense CRF
#
# A network of stride 8 finds the thing and misses its edge. V1 and V2 hand its probabilities to a conditional random field in
# which *every pixel is tied to every other*: two pixels that are near each other and of like colour should have one class. The
# field has an energy, low where both wishes are met:
#
# $$E(x) = \sum_i -\log P_i(x_i) + \sum_{i<j} [x_i \ne x_j] \left( w_1 e^{-\frac{|p_i-p_j|^2}{2\sigma_\alpha^2} -
# \frac{|I_i-I_j|^2}{2\sigma_\beta^2}} + w_2 e^{-\frac{|p_i-p_j|^2}{2\sigma_\gamma^2}} \right)$$
#
# $x_i$ is the class of pixel i, $p_i$ its place in pixels, $I_i$ its raw colour (0 to 255). The first kernel knows the
# colours ($\sigma_\alpha$ pixels, $\sigma_\beta$ grey levels), the second only smooths ($\sigma_\gamma$). The lowest energy cannot
# be found; *mean field* comes near it: keep a probability Q for each pixel, start at P, and let all pixels vote at once for the
# classes of all others, weighted by the kernels, ten times. Written out that is N² votes a step; a lattice in the five
# dimensions of place and colour makes it linear in N.

# %%
import numpy as np

from paddleseg_lite.postprocess import DenseCRF

image = np.full((12, 12, 3), 60, np.uint8)
image[:, 6:] = 200  # two flat halves
p = np.full((2, 12, 12), 0.3)
p[0, :, :6] = p[1, :, 6:] = 0.7  # the network is fairly sure of each half,
p[:, 5, 2] = 0.3, 0.7  # wrong at one pixel,
p[:, 3:6, 6] = [[0.6] * 3, [0.4] * 3]  # and the border is eaten into
refined = DenseCRF(bi_w=4, bi_xy_std=5, bi_rgb_std=10, pos_w=1, pos_xy_std=1)(p, image)
print(p.argmax(0)[5, :4], refined.argmax(0)[5, :4])
assert (refined.argmax(0) == (np.arange(12) >= 6)[None]).all()  # the edge of the picture, everywhere
blind = DenseCRF(bi_w=0, pos_w=3, pos_xy_std=3)(p, image)  # smoothing alone: the border stays where it was eaten
assert (blind.argmax(0) != refined.argmax(0)).any()

# %% [markdown]
# The weights belong to the network and the pictures, so they are searched on a few validation images. V3 left the CRF
# out: its maps are good enough, and ten steps on a CPU cost more than the network ([what it costs and
# brings](../../../results/crf_camvid.md)).

# %% [markdown]
# ## Errors of the old course code, and how they show
#
# * **`freeze_backbone_bn` froze one layer.** It walked over the direct children of the backbone, which are blocks, and met a
#   single BN. It shows as running statistics that still move. In our words, and then right:
#
# ```text
# for layer in backbone.children():          # stem and stages; the norms lie three levels deeper
#     if isinstance(layer, BatchNorm2d):
#         layer.eval()
# ```

# %%
from paddle import nn

from paddleseg_lite.backbones import ResNet50
from paddleseg_lite.layers import freeze_bn

backbone = ResNet50(width=0.1)
direct = sum(isinstance(layer, nn.BatchNorm2D) for layer in backbone.children())
print(direct, "among the children,", freeze_bn(backbone), "in all")
assert direct == 0 and freeze_bn(backbone) == 53

# %% [markdown]
# * **BN of one value.** ASPP's image-level branch is 1x1: with batch size 1 there is one value per channel and no variance.
#   Paddle returns the input unchanged, without a word. Our norm raises and names the layer:

# %%
import paddle

from paddleseg_lite.layers import BatchNorm

x = paddle.randn([1, 4, 1, 1])
assert (paddle.nn.BatchNorm2D(4)(x) == x).all()  # silently the identity
try:
    BatchNorm(4)(x)
except ValueError as e:
    print(e)
else:
    raise AssertionError("should have been refused")

# %% [markdown]
# * **Rates.** One reference uses (1, 1, 2, 2) at output stride 8 where the paper has (1, 1, 2, 4), and multi-grid (1, 2, 1);
#   its import loses the rate after the first block of a stage. All of it trains; the receptive field tells, measured on
#   a network without pooling or a graph (with one, every pixel sees the whole picture, and `summary` says so):

# %%
from paddleseg_lite.cli.jobs.summary import describe

fields = []
for rates in ("[1,1,2,4]", "[1,1,2,2]"):
    opts = [f"model.backbone={{type: ResNet50, output_stride: 8, dilations: {rates}}}"]
    fields.append(describe(model="FCN", opts=opts, num_classes=2).receptive_field)
print(fields)
assert fields[0] > fields[1]

# %% [markdown]
# * **ASPP branches in a Python list, max pooling in the image-level branch**: as on [day 3](../../en/day3.md).
# * **The hybrid.** The course's DeepLab has the cascade (blocks 5 to 7) *and* ASPP; in the paper they are alternatives. It is
#   here as `course_deeplab`, with its intent and without its bugs.

# %% [markdown]
# ## Lab
#
# The lab of the page in small. The full one, with the numbers to expect, is on the page.

# %%
import numpy as np
import paddle
import paddle.nn.functional as F

from paddleseg_lite import data
from paddleseg_lite.postprocess import DenseCRF

model, score, curve = lab.fit("deeplab_v3plus", num_epochs=3, num_samples=240, size=64)
lab.curves({"deeplab_v3plus": curve})
crf = DenseCRF(bi_w=4, bi_xy_std=6.0, bi_rgb_std=12.0, pos_w=1, pos_xy_std=1, iterations=5)
scenes = data.Scenes(mode="val", num_samples=3, size=(64, 64), num_classes=8)
palette = np.asarray(scenes.palette, np.uint8)
model.eval()
figure, axes = lab.plt.subplots(3, 3, figsize=(6, 6), layout="constrained")
for row, index in zip(axes, range(3)):
    image = scenes.read(index)["image"]
    x = paddle.to_tensor(((image.astype("float32") / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None])
    with paddle.no_grad():
        p = F.softmax(model(x)["out"], axis=1)[0].numpy()
    for axis, shown, title in zip(row, (image, palette[p.argmax(0)], palette[crf(p, image).argmax(0)]), ("", "network", "CRF")):
        axis.imshow(shown)
        axis.set_title(title)
        axis.set_axis_off()
lab.plt.show()
lab.draw(model)

# %% [markdown]
# ## Exercise
#
# Three 3x3 convolutions with rates (a, b, c). How wide is their window, and how many of its pixels are used for (2, 2, 2),
# (1, 2, 4) and (1, 2, 5)? Which is the largest third rate after (1, 2) without a hole? The answer is `test_day4` in
# [test_course.py](../../../../tests/docs/test_course.py).

# %%
# three widths, three numbers of pixels used, the rate
answer = None, None, None  # your answer

# %%
check(4, answer, "en");

# %% [markdown]
# <details><summary>Solution</summary>
#
# `answer = (13, 15, 17), (49, 225, 289), 7`
#
# </details>
