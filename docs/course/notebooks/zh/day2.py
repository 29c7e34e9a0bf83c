# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 第二天：FCN
#
# 本笔记本就是[../../zh/day2.md](../../zh/day2.md)这一页，可以运行：双核机器上从头到尾不到三分钟。在 AI Studio 或 Colab 上，请先把项目的压缩包（zip）上传到它旁边。

# %%
# 找到项目，安装缺少的包
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

set_language("zh")
paddleseg_lite.setup(seed=0)  # threads, before paddle is imported
import lab
from checks import check

# %matplotlib inline

# %% [markdown]
# ## 核心思想
#
# 分类网络以全连接层结尾，只接受固定大小的图像，也丢掉了位置信息。把全连接层改写成卷积（fc6 是作用在 VGG16 的 7x7 特征图上的 7x7 卷积，
# fc7 是 1x1 卷积），就能在任意大小的图像上滑动，得到粗糙的类别得分图，每 32 个像素一个得分。再用转置卷积放大回原图，就是 FCN-32s。上采样途中加上较浅层的特征图（先经 1x1 卷积打分）：加 pool4 得到 FCN-16s，再加 pool3 得到 FCN-8s。
#
# 上采样有三种方法。*转置卷积*把每个值用一个学出来的核摊开。*插值*（双线性）没有要学的东西，也不留空洞。*反池化*记住每个最大值取自哪里，再放回原处；SegNet 就这样从 1/32 一路回到原图，每一级之后用卷积填补零值。
#
# 对照论文阅读：[models/fcn.py](../../../../paddleseg_lite/models/fcn.py)（arXiv:1411.4038）、
# [models/segnet.py](../../../../paddleseg_lite/models/segnet.py)（arXiv:1511.00561）。

# %%
lab.figure("docs/images/networks/fcn8s_zh.svg")

# %% [markdown]
# *FCN-8s。跳跃连接看到的范围比深层得分小（100 和 44 像素，深层是 404），这正是它们的用处：它们知道位置。*

# %%
lab.figure("docs/images/networks/segnet_zh.svg")

# %% [markdown]
# *SegNet。虚线：最大值的位置，用于反池化。*

# %% [markdown]
# ## 公式与代码对照
#
# | 公式 | 文件 | 代码行 |
# |---|---|---|
# | 写成卷积的 fc6 | [models/fcn.py](../../../../paddleseg_lite/models/fcn.py) | `self.fc6 = nn.Conv2D(self.deep_channels, hidden, 7, padding=3 if self.same else 0)` |
# | 最深特征图的得分 | [models/fcn.py](../../../../paddleseg_lite/models/fcn.py) | `y = self.score_fr(y)  # [N, K, h, w]` |
# | 跳跃连接：$y \leftarrow \mathrm{up}_2(y) + \mathrm{score}(\mathrm{pool})$ | [models/fcn.py](../../../../paddleseg_lite/models/fcn.py) | `y = add(y, self._crop(skip, self.skips[i][1], y.shape[2:]))` |
# | 卷积核 $w_{ij} = (1-\lvert i-c\rvert/f)(1-\lvert j-c\rvert/f)$ | [layers/upsample.py](../../../../paddleseg_lite/layers/upsample.py) | `ramp = 1 - np.abs(np.arange(size) - centre) / factor` |
# | 转置卷积的尺寸 $(H-1)S - 2p + D(k-1) + 1$，取 k = 2S、p = S/2 时恰为 $S \cdot H$ | [models/fcn.py](../../../../paddleseg_lite/models/fcn.py) | `k, k, 2 * factor, stride=factor, padding=factor // 2 if self.same else 0, bias_attr=False,` |
# | 反池化：$u[\mathrm{argmax}] = \max$，其余为 0 | [models/segnet.py](../../../../paddleseg_lite/models/segnet.py) | `y = stage(place.restore(y))` |
# | 感受野 $r \leftarrow r + (k-1)\,D\,j$，随后 $j \leftarrow j\,S$ | [models/receptive.py](../../../../paddleseg_lite/models/receptive.py) | `size, jump = size + (kernel - 1) * dilation * jump, jump * stride` |
#
# y：上采样途中的得分；$\mathrm{up}_2$：放大 2 倍的转置卷积。w：放大 f 倍的转置卷积核；i、j：核内的位置；c：核的中心。H、S、p、D、k：见[第一天](../../zh/day1.md#公式与代码对照)。r：一个值的感受野（原图像素数）；j：相邻两个值在原图上的距离。u：反池化之后的特征图。

# %%
lab.figure("docs/course/figures/bilinear_kernel_zh.png")

# %% [markdown]
# *转置卷积的初值就是双线性插值。远离边界处两者完全一致；在边界上，转置卷积用零填充，而插值会重复边缘像素。*

# %%
lab.figure("docs/course/figures/receptive_fields_zh.png")

# %% [markdown]
# *左：每经过一层，感受野增加 (k − 1) 乘以此前步长之积。VGG16 加 fc6 为 404 像素，与 DeepLab V1 论文一致。右：训练之前，某一个得分对输入图像的梯度。404 像素之外为零，靠近边缘处也几乎为零：真正起作用的感受野小于理论值。*
#
# 公开的 FCN-32s 放大之后要从第 19 个像素起裁剪，才得到与原图对齐的得分。19 从哪里来？参考实现在第一层填充 100 个像素，好让小图也能通过网络。得分图的第 i 个单元位于原图的 32i + 12.5 处，转置卷积之后位于 32i + 31.5 处，因此原图从输出的第 19 个像素开始。FCN-16s 的裁剪偏移是 5 和 27，FCN-8s 是 5、9 和 31。
# `padding_mode: same` 不需要这些裁剪，计算量也少 40 %。

# %% [markdown]
# ## 缩放时在哪里取样：align_corners

# %%
lab.figure("docs/course/figures/resize_rules_zh.png")

# %% [markdown]
# *一行 4 个像素（方框，灰色方块为中心）放大到 8 个。红线：8 个新像素的取样位置。下排：一个台阶放大之后的样子。*
#
# 双线性缩放在旧像素之间的某个位置取值，而这个位置有三种规则。`align_corners=True` 让首尾两个*中心*重合：新像素的间距略小于半个像素，比例为 (L − 1)/(n − 1)。取 `False` 时*边缘*重合，与 torch、OpenCV 相同，这里默认如此。TensorFlow 1 从第一个中心出发，每步 L/n，于是整幅图偏向一个角。三种规则相差不到*小图*的一个像素，但在步长 8 处相当于原图的 3.5 个像素，步长 32 处则为 15.5 个；用一种规则训练、用另一种预测，边缘就会错位。裁剪尺寸为 8n + 1（321、473、513）时，对齐角点恰好让网格对上网格。

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
# ## 反池化

# %%
lab.figure("docs/course/figures/unpooling_zh.png")

# %% [markdown]
# *一幅特征图的 2x2 最大池化，以及三种还原方法。反池化知道最大值在哪里，另外两种只知道它有多大。*

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
# 反池化还原的是精确到像素的*位置*，代价是每个值存一个下标（SegNet 不存特征，UNet 把特征全部存下）。它还原不了另外三个值：在下一次卷积之前它们都是零。

# %% [markdown]
# ## 旧课程代码的错误及其表现
#
# * **池化向下取整。** 填充 100 再配上向下取整的池化，最小的图像会让 fc6 无图可看，还有许多尺寸会让最后的特征图小到无法裁剪。表现为
#   某些图像尺寸报错、另一些却正常。Caffe 的做法是向上取整。出问题的一行是 `Pool2D(pool_size=2, pool_stride=2)`，少了
#   `ceil_mode=True`。

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
# * **转置卷积用了默认初始化。** 随机的 64x64 卷积核一开始只是噪声，网络得先自己学会插值。表现为早期预测呈棋盘格，最初几个 epoch
#   收敛很慢。我们的实现以双线性核为初值：

# %%
import paddle

from paddleseg_lite.models import build_model

model = build_model({"type": "FCN32s", "padding_mode": "same", "width": 0.05}, num_classes=3)
scores = paddle.ones([1, 3, 4, 4])
up = model.upscores[0](scores)
print(up.shape, float(up[0, 0, 64, 64]))  # a constant stays that constant, away from the border
assert up.shape == [1, 3, 128, 128] and abs(float(up[0, 0, 64, 64]) - 1) < 1e-6

# %% [markdown]
# ## 实验
#
# 页中实验的缩小版。完整的实验和应得的数字在那一页上。

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
# ## 练习
#
# 填充 100 的 FCN-32s 先裁掉 19 个像素，还需要从 32 (p − 6 − 1) + 64 像素的图上再取 n 个像素，其中 p 是 pool5 之后的尺寸（fc6 要求 p 不小于 7）。
# n 从 1 到 1200，向下取整的池化会让多少个 n 放不下？向上取整呢？答案见
# [test_course.py](../../../../tests/docs/test_course.py) 的 `test_day2`。

# %%
# 向下取整时的个数，向上取整时的个数
answer = None, None  # 你的答案

# %%
check(2, answer, "zh");

# %% [markdown]
# <details><summary>答案</summary>
#
# `answer = 460, 0`
#
# </details>
