# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # Day 3: UNet, PSPNet, and small networks
#
# This notebook is the page [../../en/day3.md](../../en/day3.md), made to run: from top to bottom in less than three minutes on two cores. On AI Studio or Colab upload the project's archive (zip) beside it first.

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
# FCN loses detail on the way down, and a score at one place knows little of the rest of the picture. Two answers:
#
# * **UNet** gives back the detail. A contracting path halves the map four times, an expanding path doubles it four times, and
#   at each level the map of the way down is *concatenated* to the one of the way up. Nothing is squeezed to K channels before
#   the last layer, so the decoder has real features to work with.
# * **PSPNet** adds the context. The deepest map (kept at stride 8 by dilation, tomorrow's subject) is averaged over grids of
#   1x1, 2x2, 3x3 and 6x6 bins, each projected, enlarged and concatenated: every pixel knows what the whole picture looks
#   like, and the quarter, the ninth and the thirty-sixth part of it that it lies in. An auxiliary loss of weight 0.4 on
#   stage 3 helps the deep network to train.
#
# Three more networks of the course's articles are about doing this with less: **ENet** (0.36 million parameters), **PSPNet on
# MobileNetV1**, and a **PSPNet that goes up in steps** and is told which classes the picture has.
#
# Read with the papers: [models/unet.py](../../../../paddleseg_lite/models/unet.py) (arXiv:1505.04597),
# [models/pspnet.py](../../../../paddleseg_lite/models/pspnet.py) (1612.01105),
# [models/enet.py](../../../../paddleseg_lite/models/enet.py) (1606.02147),
# [backbones/mobilenet.py](../../../../paddleseg_lite/backbones/mobilenet.py) (1704.04861),
# [models/pspnet_progressive.py](../../../../paddleseg_lite/models/pspnet_progressive.py).

# %%
lab.figure("docs/images/networks/unet.svg")

# %% [markdown]
# *UNet.*

# %%
lab.figure("docs/images/networks/pspnet.svg")

# %% [markdown]
# *PSPNet: the pyramid is where a value comes to see the whole picture.*

# %%
lab.figure("docs/images/networks/enet.svg")

# %% [markdown]
# *ENet: narrow, and at 1/8 after two blocks.*

# %%
lab.figure("docs/images/networks/pspnet_progressive.svg")

# %% [markdown]
# *The PSPNet that goes up in steps, with its presence head.*

# %% [markdown]
# ## From equation to code
#
# | equation | file | line |
# |---|---|---|
# | concatenate skip and upsampled map | [models/unet.py](../../../../paddleseg_lite/models/unet.py) | `return self.conv(concat([skip, x] if s.skip_first else [x, skip]))` |
# | valid convolutions: out = n - 184, n = 12 mod 16 | [models/unet.py](../../../../paddleseg_lite/models/unet.py) | `if side % 16 != 12 or side < 188:` |
# | He initialisation $N(0, \sqrt{2/N})$ | [models/unet.py](../../../../paddleseg_lite/models/unet.py) | `he = paddle.ParamAttr(initializer=nn.initializer.KaimingNormal())` |
# | bin i of n over length L: $[\lfloor iL/n\rfloor, \lceil (i+1)L/n\rceil)$ | [layers/pyramid.py](../../../../paddleseg_lite/layers/pyramid.py) | `start, stop = (i * length) // bins, -((-(i + 1) * length) // bins)` |
# | pooling as two products $R\,x\,C^\top$ | [layers/pyramid.py](../../../../paddleseg_lite/layers/pyramid.py) | `return paddle.matmul(paddle.matmul(rows, x), columns, transpose_y=True)` |
# | pyramid: $[x, u(p_1), u(p_2), u(p_3), u(p_6)]$ | [layers/pyramid.py](../../../../paddleseg_lite/layers/pyramid.py) | `maps.append(up(gate(branch(pooled))))` |
# | ENet, early downsampling: $[\mathrm{conv}_{3,2}(x), \max(x)]$ | [models/enet_blocks.py](../../../../paddleseg_lite/models/enet_blocks.py) | `return self.act(self.bn(concat([y, self.pool(x)])))` |
# | ENet, 5x5 as 5x1 and 1x5 | [models/enet_blocks.py](../../../../paddleseg_lite/models/enet_blocks.py) | `first = nn.Conv2D(inner, inner, (5, 1), padding=(2, 0), bias_attr=False)` |
# | ENet going up: un-pooled + deconvolved | [models/enet_blocks.py](../../../../paddleseg_lite/models/enet_blocks.py) | `main = place.restore(main) if self.unpool else resize(main, place.size, mode="nearest")` |
# | separable: a 3x3 for each channel, then 1x1 | [layers/separable.py](../../../../paddleseg_lite/layers/separable.py) | `self.pointwise = ConvBNAct(in_channels, out_channels, 1, act=act, bias=bias, epsilon=epsilon, momentum=momentum)` |
# | presence: $\mathrm{MLP}(\max_{i} x_i)$ | [models/pspnet_progressive.py](../../../../paddleseg_lite/models/pspnet_progressive.py) | `strongest = F.adaptive_max_pool2d(features[-2], 1)` |
# | dice: $1 - (2\sum p g + s)/(\sum p + \sum g + s)$ | [losses/dice.py](../../../../paddleseg_lite/losses/dice.py) | `loss = 1.0 - (2.0 * shared + self.smooth) / (total + self.smooth)` |
# | loss $= L_{out} + 0.4\,L_{aux}$ | [docs/course/scripts/train_basic.py](../../scripts/train_basic.py) | `LOSS_WEIGHTS = {"out": 1.0, "aux": 0.4, "presence": 0.2}` |
#
# n: side of the image (UNet), or number of bins along it (PSPNet); N: inputs of a value (kernel area times channels in); L: side
# of the map; i: number of the bin, from 0; R, C: bin matrices of rows and columns; $p_n$: the map pooled to n x n, u: enlarged
# back. x: the map, $x_i$ its pixels. p: probability of a class at a pixel, g: 1 where that class is the label, s = 1: keeps the
# ratio finite. $L_{out}$, $L_{aux}$: cross-entropies of the two outputs.

# %%
lab.figure("docs/course/figures/pyramid_bins.png")

# %% [markdown]
# *What the four levels keep of a picture. Where the bins do not divide the map they overlap (right).*

# %% [markdown]
# ## ENet: a network for the road
#
# ENet has a hundredth of UNet's parameters and of its work, and this is how:
#
# * **Down at once.** The first block halves the picture, the second quarters it, and only then does the network get wide. What
#   is done at full resolution is a single 3x3 convolution to 13 channels, joined with the max-pooled picture.
# * **A large encoder, a small decoder.** 22 bottlenecks look, 5 draw. The decoder only places what the encoder has recognised.
# * **Bottlenecks.** A 1x1 convolution squeezes to a quarter of the channels, the real convolution works there, a 1x1 expands
#   again, and the input is added. Going down, the input is max-pooled and filled up with channels of zeros.
# * **A wide view for little.** Rates 2, 4, 8 and 16 ([day 4](../../en/day4.md)) alternate with *asymmetric* pairs: 5x1 then 1x5 sees 5 x 5 with
#   10 taps in place of 25.
# * **PReLU**: $\max(0, x) + a\,\min(0, x)$ with a learned slope a for each channel, 0.25 at first. In a thin network a
#   ReLU that is off for good is a channel lost.
# * **Spatial dropout** drops whole channels. Neighbouring pixels of a map say nearly the same, so dropping single values
#   takes nothing away.
# * **Un-pooling** ([day 2](../../en/day2.md#un-pooling)): the decoder knows where each maximum stood, for one index a value.

# %%
from paddleseg_lite.cli.jobs.summary import describe

full = describe(model="ENet", num_classes=11, height=360, width=480)
unet = describe(model="UNet", num_classes=11, height=360, width=480)
print(
    f"{full.parameters:,} parameters, {full.gmacs:.2f} G multiply-adds; UNet {unet.parameters:,} and {unet.gmacs:.1f} G"
)
first = [row for row in full.rows if row.name.startswith("backbone.stages.0.")]
print(f"at 1/4 and above: {sum(row.macs for row in first) / full.macs:.0%} of the multiply-adds")
assert full.parameters == 363_791 and full.gmacs < unet.gmacs / 90

# %% [markdown]
# ## PSPNet on MobileNet: separable convolutions
#
# A 3x3 convolution does two things at once: it looks around, and it mixes channels. MobileNet does one after the other: a 3x3
# for each channel on its own (*depthwise*), then a 1x1 over the channels (*pointwise*). The work falls to
# $1/C_{out} + 1/k^2$ of what it was, about a ninth for k = 3:

# %%
import paddle
from paddle import nn

from paddleseg_lite.layers import SeparableConv


def multiply_adds(cin, cout, k, side, separable):
    return side**2 * (cin * k**2 + cin * cout if separable else cin * cout * k**2)


plain, separable = (multiply_adds(256, 256, 3, 33, s) for s in (False, True))
print(plain, separable, round(plain / separable, 2))
assert round(plain / separable, 2) == 8.69  # 1 / (1 / 256 + 1 / 9)


def weights(layer):
    return sum(int(p.size) for name, p in layer.named_parameters() if "conv.weight" in name or name == "weight")


assert weights(SeparableConv(256, 256)) == 256 * 9 + 256 * 256
assert weights(nn.Conv2D(256, 256, 3, bias_attr=False)) == 256 * 256 * 9

# %% [markdown]
# DeepLab V3+ ([day 4](../../en/day4.md)) has the separable convolution in its title and dilates it. In the article's PSPNet the pyramid
# sits on MobileNet's map at stride 32: 6 x 6 bins want a map of 6 pixels at least, hence sides that divide by 192.

# %% [markdown]
# ## PSPNet in steps, and presence
#
# The progressive PSPNet doubles three times, with a 3x3 convolution after each doubling, instead of enlarging scores by 8 at
# once. And it has a second head that never sees a place: the strongest response of each channel over the *whole* picture, and
# two linear layers, say for each class whether it is in the picture at all. Its labels come free from the map. The loss is
# $L_{out} + \alpha L_{presence}$ with $\alpha = 1$, the second term a binary cross-entropy for each class. It teaches the
# backbone what belongs together before a single pixel is right; GINet's SC-loss ([day 7](../../en/day7.md)) is the same idea.

# %% [markdown]
# ## Dice as a loss
#
# Cross-entropy counts pixels. Where a class has one pixel in a hundred, never naming it costs nearly nothing. Dice counts
# overlap: its ratio for that class is bad however small the class. The price is a gradient that depends on the whole batch,
# so one mostly adds it to cross-entropy. The ENet article flattens *all classes* into one ratio, and the rare class drowns
# again:

# %%
import paddle

from paddleseg_lite.losses import CrossEntropyLoss, DiceLoss

label = paddle.zeros([1, 10, 10], dtype="int64")
label[0, 4, 4] = 1  # one pixel of the rare class
never = paddle.stack([paddle.full([1, 10, 10], 4.0), paddle.full([1, 10, 10], -4.0)], axis=1)  # always the other
values = {
    "cross-entropy": CrossEntropyLoss(),
    "dice, a ratio a class": DiceLoss(),
    "dice, flat": DiceLoss(reduction="flat"),
}
values = {name: round(float(loss(never, label)), 4) for name, loss in values.items()}
print(values)
assert values == {"cross-entropy": 0.0803, "dice, a ratio a class": 0.2565, "dice, flat": 0.0103}

# %% [markdown]
# The article's total is $\mathrm{BCE} + 3\,(1 - \mathrm{dice})$: `BCEDiceLoss` here.

# %% [markdown]
# ## Errors of the old course code, and how they show
#
# * **Branches in a Python list.** Paddle sees only layers that are attributes, or that sit in a `LayerList`. The course kept
#   its pyramid (and later ASPP) branches in a plain list: they were never trained and never saved. It shows as a missing part
#   in `state_dict()`, and as a score that changes after loading a checkpoint.

# %%
from paddle import nn


class Lost(nn.Layer):
    def __init__(self):
        super().__init__()
        self.branches = [nn.Conv2D(8, 2, 1) for _ in range(4)]


class Kept(nn.Layer):
    def __init__(self):
        super().__init__()
        self.branches = nn.LayerList([nn.Conv2D(8, 2, 1) for _ in range(4)])


print(len(Lost().state_dict()), len(Kept().state_dict()))
assert len(Lost().state_dict()) == 0 and len(Kept().state_dict()) == 8

# %% [markdown]
# * **Max instead of average.** `fluid.layers.adaptive_pool2d` takes the maximum unless told otherwise, and the course never
#   told it. The PSPNet paper measures both, and average is better. Nothing shows but a worse score. In our words:
#
# ```text
# self.branches = []                                     # a list: Paddle does not look into it
# for bins in (1, 2, 3, 6):
#     self.branches.append(conv_bn(channels, channels // 4))
# ...
# y = fluid.layers.adaptive_pool2d(x, [bins, bins])      # pool_type is "max" here
# ```
#
# * **`Dropout(0,1)`** with a comma in two files: p = 0, and 1 as the next argument. No dropout at all.
# * **UNet's middle by 1x1 convolutions.** The deepest block of the course has two 1x1 convolutions where the paper has 3x3. It
#   trains, but the deepest level looks no further than pool4 did:

# %%
from paddleseg_lite.cli.jobs.summary import describe

course = describe(model="UNet", opts=["model.style=course"], num_classes=2, height=256, width=256)
paper = describe(model="UNet", opts=["model.style=same"], num_classes=2, height=256, width=256)
print(course.receptive_field, "against", paper.receptive_field, "pixels")
assert course.receptive_field < paper.receptive_field

# %% [markdown]
# * **PSPNet on MobileNet (Keras) raises with its own defaults**: it asserts that sides divide by 192, and the default input is
#   224. And its output is a quarter of the input. `pspnet_mobilenet` here takes any size.
# * **Progressive PSPNet** was set up for 2048 channels on a ResNet-34 that gives 512. It shows as a shape error in the first
#   step. Ours reads the width from the backbone.
# * **ENet (Keras)**: the decoder's 3x3 convolution is created and its result thrown away, the first block lacks BN and PReLU,
#   the decoder upsamples by repetition instead of unpooling, and BN's momentum of 0.1 weighs the *new* value with 0.9. Keras leaves a layer
#   whose result nobody uses out of the model: it shows as three layers missing from `summary()` and 4,788 parameters too few.
#   Ours: [models/enet.py](../../../../paddleseg_lite/models/enet.py), the article's to the digit with `faithful: true`.

# %% [markdown]
# ## Lab
#
# The lab of the page in small. The full one, with the numbers to expect, is on the page.

# %%
models, curves, scores = {}, {}, {}
for net in ("unet", "pspnet"):
    models[net], score, curves[net] = lab.fit(net, num_epochs=3, num_samples=240, size=64)
    scores[net] = score.mIoU
lab.curves(curves)
lab.bars(scores, "mIoU")
lab.pictures(models, size=64)
lab.draw(models["pspnet"])

# %% [markdown]
# ## Exercise
#
# A map of 33 pixels is pooled to 6 bins. Which pixels fall into two bins? And for which lengths up to 60 do the bins of all
# four levels (1, 2, 3, 6) fit without overlap? The answer is `test_day3` in
# [test_course.py](../../../../tests/docs/test_course.py).

# %%
# pixels (counted from 0), lengths
answer = None, None  # your answer

# %%
check(3, answer, "en");

# %% [markdown]
# <details><summary>Solution</summary>
#
# `answer = [5, 16, 27], range(6, 61, 6)`
#
# </details>
