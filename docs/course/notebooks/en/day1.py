# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # Day 1: basics and metrics
#
# This notebook is the page [../../en/day1.md](../../en/day1.md), made to run: from top to bottom in less than three minutes on two cores. On AI Studio or Colab upload the project's archive (zip) beside it first.

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
# Semantic segmentation gives every pixel one of K classes. A network maps an image `[N, 3, H, W]` to *logits*
# `[N, K, H, W]`, one score per class and pixel; the prediction is the argmax over K. Training minimises the cross-entropy of
# each pixel, averaged over the pixels that have a label. Some have none (borders, "void"); they carry the id 255 and count
# neither in the loss nor in the score.
#
# A pixel's colour rarely tells its class; what stands around it does. The lab shows how much: a classifier of single pixels
# against one that sees 7 x 7 of them. Everything in the six days that follow is a way to see more, without losing the place.
#
# ### What context is
#
# *Context* is all that is not the pixel (or the object) itself and still says something about its class. Three mistakes that
# a network without enough of it makes (after the PSPNet paper):
#
# * **Things that do not go together.** A boat has a roof, windows and a hull as long as a car. On a river it is a boat; a
#   network that sees no water calls it a car.
# * **Classes that look alike.** "Skyscraper" and "building", "field" and "grass": half a wall is one and half the other. The
#   whole picture decides once for all of it.
# * **Things that hardly show.** A pillow with the pattern of its sheet, a thin pole far away. Who knows that this is a bed
#   looks for a pillow.
#
# The first needs *which* things are there (days 3, 6, 7), the second one decision for a whole object (days 3, 6), the third
# both a wide view and fine detail (days 2 to 4).
#
# ### The loss and the loop
#
# The logits $z_k$ of a pixel become probabilities by softmax, and the loss of a pixel with class y is minus the logarithm of
# what its class got; $\Omega$ are the pixels that have a label:
#
# $$p_k = \frac{e^{z_k}}{\sum_j e^{z_j}}, \qquad L = -\frac{1}{|\Omega|} \sum_{i \in \Omega} \log p_{i,y_i}, \qquad
# \frac{\partial L}{\partial z_{i,k}} = \frac{p_{i,k} - [k = y_i]}{|\Omega|}$$
#
# The gradient is what makes it pleasant: probability minus truth, bounded, and zero where the class is certain and right. A
# class weight w multiplies the terms, and the sum of the weights takes the place of $|\Omega|$.

# %%
import numpy as np
import paddle
import paddle.nn.functional as F

z = paddle.to_tensor([[2.0, 1.0, -1.0], [0.5, 0.0, 3.0]], stop_gradient=False)  # two pixels, three classes
y = paddle.to_tensor([0, 1])
loss = F.cross_entropy(z, y)
loss.backward()
p = np.exp(z.numpy()) / np.exp(z.numpy()).sum(1, keepdims=True)
by_hand = -(np.log(p[0, 0]) + np.log(p[1, 1])) / 2
print(float(loss), by_hand)
assert abs(float(loss) - by_hand) < 1e-6
assert np.abs(z.grad.numpy() - (p - np.eye(3)[[0, 1]]) / 2).max() < 1e-6

# %% [markdown]
# A training loop repeats five steps for each batch: logits, loss, gradients (`backward`), a step of the optimizer against the
# gradients, gradients back to zero. An *epoch* is once through the data. Steps three to five stand in every script of the
# course as three lines; the learning rate falls to zero on the way ([day 4](../../en/day4.md)).

# %%
lab.figure("docs/images/networks/fcn_resnet.svg")

# %% [markdown]
# *A network as the drawings of this course show it: top to bottom in the order of computation, left to right by resolution. Each box says
# how many channels its map has and how much of the picture one of its values sees. Every drawing is made from the built network,
# yours too: `python tools/summary.py --model FCN --draw fcn.svg`.*

# %% [markdown]
# ## From equation to code
#
# | equation | file | line |
# |---|---|---|
# | output size $\lfloor (H + 2p - D(k-1) - 1)/S \rfloor + 1$ | [docs/course/scripts/day1.py](../../scripts/day1.py) | `nn.Conv2D(3, 24, 3, padding=1)` keeps H: p = D = 1, k = 3, S = 1 |
# | $L = -\frac{1}{\lvert\Omega\rvert} \sum_{i\in\Omega} \log p_{i,y_i}$ | [docs/course/scripts/day1.py](../../scripts/day1.py) | `loss = F.cross_entropy(model(batch["image"]), batch["label"].unsqueeze(1), axis=1, ignore_index=255)` |
# | the same with weights $w_{y_i}$ | [losses/cross_entropy.py](../../../../paddleseg_lite/losses/cross_entropy.py) | `return safe_ratio(total, weight.sum()) if self.avg_non_ignore else total / loss.shape[0]` |
# | one step of the loop | [docs/course/scripts/day1.py](../../scripts/day1.py) | `loss.backward() optimizer.step() optimizer.clear_grad()` |
# | $n_{ij}$: pixels of class i named j | [metrics/confusion.py](../../../../paddleseg_lite/metrics/confusion.py) | `self.matrix += np.bincount(cell, minlength=k * (k + 1))[: k * k].reshape(k, k)` |
# | $t_i=\sum_j n_{ij},\ p_j=\sum_i n_{ij}$ | [metrics/scores.py](../../../../paddleseg_lite/metrics/scores.py) | `hit, truth, predicted, total = np.diag(n), n.sum(axis=1), n.sum(axis=0), n.sum()` |
# | $\mathrm{IoU}_i = n_{ii}/(t_i+p_i-n_{ii})$ | [metrics/scores.py](../../../../paddleseg_lite/metrics/scores.py) | `iou = _ratio(hit, truth + predicted - hit)` |
# | pixel accuracy $\sum n_{ii}/\sum n_{ij}$ | [metrics/scores.py](../../../../paddleseg_lite/metrics/scores.py) | `aAcc=float(hit.sum() / total) if total else np.nan` |
# | Dice $= 2\,\mathrm{IoU}/(1+\mathrm{IoU})$ | [metrics/scores.py](../../../../paddleseg_lite/metrics/scores.py) | `dice = 2 * iou / (1 + iou)` |
#
# H: height (or width) of the map; k, S, p, D: kernel, stride, padding and dilation of the convolution. i, j: classes, from 0 to
# K - 1; $t_i$: pixels of class i; $p_j$: pixels named j (in the loss, $p_{i,k}$ is the probability of class k at pixel i);
# $y_i$: the label of pixel i.

# %%
lab.figure("docs/course/figures/confusion.png")

# %% [markdown]
# *A worked example. The two pixels with id 255 are in no count. Class 2 loses one pixel to class 0: its own IoU and that of
# class 0 both fall.*
#
# One matrix is summed over the whole data set, and the scores are computed from it once. The mean of per-image IoUs is a
# different number, smaller or larger: a class that covers three pixels of one image would weigh as much as one that
# fills ten images.
#
# A class that occurs neither in truth nor in prediction has IoU 0/0. Published code disagrees about it, and the mean with it:
# FCN leaves the class out, PaddleSeg and semseg count 0. Here `--miou_convention` says which; the default leaves it out.

# %% [markdown]
# ## Errors of the old course code, and how they show
#
# * **"mAcc" was pixel accuracy.** The notes flatten both maps and count equal pixels. That is dominated by sky and road.
#   The mean over classes (mAcc) is another number: in the figure 0.850 against 0.857, on street scenes far less. In our
#   words:
#
# ```text
# pred = np.argmax(out, axis=1).flatten()
# label = label.flatten()
# acc = (pred == label).sum() / len(label)      # over pixels, and 255 counted as wrong
# ```
#
# * **Labels resized with interpolation.** A transcription of the course's transforms resizes labels bilinearly. Between class
#   0 and class 10 then lies "class 5". It shows as thin rims of nonsense classes, or as a label outside [0, K).

# %%
import cv2
import numpy as np

label = np.array([[0, 0, 10, 10]], np.uint8)
wrong = cv2.resize(label, (8, 1), interpolation=cv2.INTER_LINEAR)
right = cv2.resize(label, (8, 1), interpolation=cv2.INTER_NEAREST)
print(wrong, right)
assert set(np.unique(wrong)) - {0, 10} and set(np.unique(right)) == {0, 10}

# %% [markdown]
# * **Softmax inside the model, and again in the loss** (two of the course's reference networks end in Softmax or
#   LogSoftmax). Probabilities lie between 0 and 1, so a second softmax over K of them can never come near 1. The loss has a
#   floor, and learning stops there:

# %%
import paddle
import paddle.nn.functional as F

logits, label = paddle.to_tensor([[100.0] + [0.0] * 7]), paddle.to_tensor([0])
once, twice = (float(F.cross_entropy(x, label)) for x in (logits, F.softmax(logits)))
print(once, twice)  # 0.0 and -log(e / (e + 7)) = 1.274
assert once < 1e-6 and abs(twice - 1.2741) < 1e-3

# %% [markdown]
# ## Lab
#
# The lab of the page in small. The full one, with the numbers to expect, is on the page.

# %%
import paddle
import paddle.nn.functional as F
from paddle import nn

from paddleseg_lite import data
from paddleseg_lite.metrics import ConfusionMatrix

normalize = [{"type": "Normalize"}]
train_set = data.Scenes(mode="train", num_samples=160, size=(64, 64), num_classes=8, transforms=normalize)
val_set = data.Scenes(mode="val", num_samples=24, size=(64, 64), num_classes=8, transforms=normalize)
schedule = data.BatchSchedule(len(train_set), batch_size=8, seed=0)
models, curves, scores = {}, {}, {}
nets = {  # sees 1 pixel, sees 7 x 7
    "pixel": [nn.Conv2D(3, 8, 1)],
    "patch": [
        nn.Conv2D(3, 24, 3, padding=1), nn.ReLU(), nn.Conv2D(24, 24, 3, padding=1), nn.ReLU(),
        nn.Conv2D(24, 8, 3, padding=1),
    ],
}
for name, layers in nets.items():
    model = models[name] = nn.Sequential(*layers)
    optimizer = paddle.optimizer.Adam(0.02, parameters=model.parameters())
    curves[name] = []
    for batch in data.train_batches(train_set, schedule, seed=0, stop_iter=40):  # two epochs
        logits = model(batch["image"])
        loss = F.cross_entropy(logits, batch["label"].unsqueeze(1), axis=1, ignore_index=255)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        curves[name].append((len(curves[name]) + 1, float(loss)))
    matrix = ConfusionMatrix(8)
    for batch in data.eval_batches(val_set):
        matrix.update(model(batch["image"]).argmax(1).numpy(), batch["label"])
    scores[name] = matrix.compute().mIoU
lab.curves(curves)
lab.bars(scores, "mIoU")
lab.pictures(models, size=64)

# %% [markdown]
# ## Exercise
#
# A validation set has two images. Image 1 has 100 pixels of class 0, all found. Image 2 has 99 pixels of class 0, all found,
# and one pixel of class 1, named 0. What is the mIoU over the set, and what is the mean of the two images' mIoU? Why do they
# differ so much? The answer is `test_day1` in [test_course.py](../../../../tests/docs/test_course.py).

# %%
# mIoU over the set, mean of the two images' mIoU
answer = None, None  # your answer

# %%
check(1, answer, "en");

# %% [markdown]
# <details><summary>Solution</summary>
#
# `answer = 0.4975, 0.7475`
#
# </details>
