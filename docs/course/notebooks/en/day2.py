# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # Day 2: FCN
#
# This notebook is the page [../../en/day2.md](../../en/day2.md), made to run: from top to bottom in less than three minutes on two cores. On AI Studio or Colab upload the project's archive (zip) beside it first.

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
# A classifier ends in fully connected layers, which want one image size and forget where things are. Written as convolutions
# (fc6 is a 7x7 convolution over the 7x7 map of VGG16, fc7 a 1x1) they slide over an image of any size and give a coarse map
# of class scores, one per 32 pixels. A transposed convolution brings it back to the image (FCN-32s). Finer maps from earlier
# layers, scored by a 1x1 convolution, are added on the way up: pool4 gives FCN-16s, pool3 as well FCN-8s.
#
# There are three ways up. *Transposed convolution* spreads every value by a kernel that is learned. *Interpolation* (bilinear)
# has nothing to learn and no holes. *Un-pooling* remembers from where each maximum was taken and puts it back there; SegNet
# climbs that way from 1/32 to the full image, with convolutions between to fill the zeros.
#
# Read with the papers: [models/fcn.py](../../../../paddleseg_lite/models/fcn.py) (arXiv:1411.4038),
# [models/segnet.py](../../../../paddleseg_lite/models/segnet.py) (arXiv:1511.00561).

# %%
lab.figure("docs/images/networks/fcn8s.svg")

# %% [markdown]
# *FCN-8s. The skips see less than the deep scores (100 and 44 pixels against 404), and that is the point: they know where.*

# %%
lab.figure("docs/images/networks/segnet.svg")

# %% [markdown]
# *SegNet. Dashed: the places of the maxima, for un-pooling.*

# %% [markdown]
# ## From equation to code
#
# | equation | file | line |
# |---|---|---|
# | fc6 as a convolution | [models/fcn.py](../../../../paddleseg_lite/models/fcn.py) | `self.fc6 = nn.Conv2D(self.deep_channels, hidden, 7, padding=3 if self.same else 0)` |
# | scores of the deepest map | [models/fcn.py](../../../../paddleseg_lite/models/fcn.py) | `y = self.score_fr(y)  # [N, K, h, w]` |
# | skip: $y \leftarrow \mathrm{up}_2(y) + \mathrm{score}(\mathrm{pool})$ | [models/fcn.py](../../../../paddleseg_lite/models/fcn.py) | `y = add(y, self._crop(skip, self.skips[i][1], y.shape[2:]))` |
# | kernel $w_{ij} = (1-\lvert i-c\rvert/f)(1-\lvert j-c\rvert/f)$ | [layers/upsample.py](../../../../paddleseg_lite/layers/upsample.py) | `ramp = 1 - np.abs(np.arange(size) - centre) / factor` |
# | transposed size $(H-1)S - 2p + D(k-1) + 1$, here k = 2S, p = S/2: exactly $S \cdot H$ | [models/fcn.py](../../../../paddleseg_lite/models/fcn.py) | `k, k, 2 * factor, stride=factor, padding=factor // 2 if self.same else 0, bias_attr=False,` |
# | un-pooling: $u[\mathrm{argmax}] = \max$, else 0 | [models/segnet.py](../../../../paddleseg_lite/models/segnet.py) | `y = stage(place.restore(y))` |
# | field $r \leftarrow r + (k-1)\,D\,j$, then $j \leftarrow j\,S$ | [models/receptive.py](../../../../paddleseg_lite/models/receptive.py) | `size, jump = size + (kernel - 1) * dilation * jump, jump * stride` |
#
# y: scores on the way up, $\mathrm{up}_2$: deconvolution by 2. w: the kernel of a deconvolution by f, i, j: places in it, c: its
# centre. H, S, p, D, k: as on [day 1](../../en/day1.md#from-equation-to-code). r: field of a value in pixels of the image, j: distance of
# two neighbours in pixels of the image. u: the un-pooled map.

# %%
lab.figure("docs/course/figures/bilinear_kernel.png")

# %% [markdown]
# *The deconvolution starts as bilinear interpolation. Away from the border the two are equal to the last digit; at the border
# the deconvolution pads with zeros where interpolation repeats the edge.*

# %%
lab.figure("docs/course/figures/receptive_fields.png")

# %% [markdown]
# *Left: the receptive field grows by (k - 1) times the product of the strides so far. 404 pixels for VGG16 with fc6, as the
# DeepLab V1 paper says. Right: the gradient of one score with respect to the image, before training. It is zero outside 404 pixels,
# and near the rim almost zero: the field that matters is smaller than the theoretical one.*
#
# The published FCN-32s cuts its picture of scores out of a larger one, from pixel 19 on. Where does 19 come from? The reference
# pads the first layer by 100 pixels so that small images survive. Unit i
# of the score map then sits at image position 32i + 12.5, its deconvolved copy at 32i + 31.5: the image starts 19 pixels into
# the output. FCN-16s crops 5 and 27, FCN-8s 5, 9 and 31. `padding_mode: same` needs none of it and costs 40 % less.

# %% [markdown]
# ## Where a resize samples: align_corners

# %%
lab.figure("docs/course/figures/resize_rules.png")

# %% [markdown]
# *A row of 4 pixels (boxes, centres as grey squares) enlarged to 8. Red strokes: where the 8 new pixels sample. Below: what
# becomes of a step.*
#
# A bilinear resize reads the old map at a place between its pixels, and there are three rules for the place. With
# `align_corners=True` the first and last *centres* fall on each other: the new pixels lie closer than half a pixel, and the
# scale is (L - 1)/(n - 1). With `False` the *edges* fall on each other, as in torch and OpenCV: this is the default here.
# TensorFlow 1 starts at the first centre and steps by L/n, so the map moves towards one corner. The rules differ by a fraction
# of a pixel of the *small* map, which is up to 3.5 pixels of the image at stride 8 and 15.5 at stride 32; a network trained
# with one and run with another loses its edges. For crops of 8n + 1 pixels (321, 473, 513) aligned corners map grid on grid.

# %%
import paddle

from paddleseg_lite.layers import resize

step = paddle.to_tensor([0.0, 0.0, 1.0, 1.0]).reshape([1, 1, 1, 4]).expand([1, 1, 2, 4])
rules = {"corners aligned": {"align_corners": True}, "centres": {}, "first pixel": {"half_pixel": False}}
for name, rule in rules.items():
    print(name, resize(step, (2, 8), **rule)[0, 0, 0].numpy().round(3).tolist())
mirrored = resize(step.flip(-1), (2, 8), half_pixel=False).flip(-1)  # the third rule has a side
assert float((mirrored - resize(step, (2, 8), half_pixel=False)).abs().max()) > 0.4
assert float((resize(step.flip(-1), (2, 8)).flip(-1) - resize(step, (2, 8))).abs().max()) < 1e-6

# %% [markdown]
# ## Un-pooling

# %%
lab.figure("docs/course/figures/unpooling.png")

# %% [markdown]
# *2x2 max-pooling of a map, and three ways back. Un-pooling knows where the maxima stood; the others know how large they were.*

# %%
import numpy as np
import paddle

from paddleseg_lite.backbones.indexed import IndexedMaxPool
from paddleseg_lite.layers import resize

points = np.zeros([1, 1, 8, 8], "float32")
points[..., 2, 3] = points[..., 2, 5] = 1.0  # two pixels with one between them
pooled, place = IndexedMaxPool()(paddle.to_tensor(points))
back = {"un-pooled": place.restore(pooled), "nearest": resize(pooled, (8, 8), mode="nearest")}
back["bilinear"] = resize(pooled, (8, 8))
for name, values in back.items():
    print(name, values.numpy()[0, 0, 2].round(2).tolist())
assert (back["un-pooled"].numpy() == points).all()
assert (back["nearest"].numpy()[0, 0, 2, 2:6] == 1).all()  # the gap between them is gone

# %% [markdown]
# What un-pooling gives back is the *place*, to the pixel, at the price of one index for each value (SegNet stores no features,
# UNet stores them all). What it does not give back are the other three values: they are zero until the next convolution.

# %% [markdown]
# ## Errors of the old course code, and how they show
#
# * **Pooling rounds down.** With padding 100 and floor pooling, the smallest images leave fc6 nothing to see, and many sizes
#   leave the final map too small to crop. It shows as an error for some image sizes and not for others. Caffe rounds up. The
#   line is `Pool2D(pool_size=2, pool_stride=2)`; it wants `ceil_mode=True`.

# %%
def pooled(n, up):
    n += 198  # padding 100, kernel 3
    for _ in range(5):
        n = -(-n // 2) if up else n // 2
    return n


empty = [n for n in range(1, 1201) if pooled(n, up=False) < 7]
print(len(empty), "sizes leave fc6 (7x7) empty:", empty[0], "to", empty[-1])
assert len(empty) == 25 and not [n for n in range(1, 1201) if pooled(n, up=True) < 7]

# %% [markdown]
# * **Deconvolutions with the default initialisation.** Random 64x64 kernels start as noise; the network has to find
#   interpolation first. It shows as a checkerboard in early predictions and slow first epochs. Ours start bilinear:

# %%
import paddle

from paddleseg_lite.models import build_model

model = build_model({"type": "FCN32s", "padding_mode": "same", "width": 0.05}, num_classes=3)
scores = paddle.ones([1, 3, 4, 4])
up = model.upscores[0](scores)
print(up.shape, float(up[0, 0, 64, 64]))  # a constant stays that constant, away from the border
assert up.shape == [1, 3, 128, 128] and abs(float(up[0, 0, 64, 64]) - 1) < 1e-6

# %% [markdown]
# ## Lab
#
# The lab of the page in small. The full one, with the numbers to expect, is on the page.

# %%
models, curves, scores = {}, {}, {}
for net in ("fcn8s", "segnet"):
    models[net], score, curves[net] = lab.fit(net, num_epochs=3, num_samples=240, size=64)
    scores[net] = score.mIoU
lab.curves(curves)
lab.bars(scores, "mIoU")
lab.pictures(models, size=64)
lab.draw(models["segnet"])

# %% [markdown]
# ## Exercise
#
# FCN-32s with padding 100 crops 19 pixels and then needs n more from a map of 32 (p - 6 - 1) + 64 pixels, where p is the size
# after pool5 (fc6 needs p of at least 7). For how many n in 1 to 1200 is something too small with floor pooling, and with
# ceil pooling? The answer is
# `test_day2` in [test_course.py](../../../../tests/docs/test_course.py).

# %%
# sizes with floor pooling, with ceil pooling
answer = None, None  # your answer

# %%
check(2, answer, "en");

# %% [markdown]
# <details><summary>Solution</summary>
#
# `answer = 460, 0`
#
# </details>
