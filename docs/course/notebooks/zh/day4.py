# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 第四天：空洞卷积与 DeepLab V1–V3+
#
# 本笔记本就是[../../zh/day4.md](../../zh/day4.md)这一页，可以运行：双核机器上从头到尾不到三分钟。在 AI Studio 或 Colab 上，请先把项目的压缩包（zip）上传到它旁边。

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
# 每多一次步长为 2 的下采样，网络看到的范围翻倍，分辨率减半。*空洞*（膨胀）卷积的采样点相隔 D 个像素：看得同样远，却保住了分辨率。做法是去掉一次下采样，并让其后的各层按同样的倍数膨胀。取填充 p = D，则 3x3 卷积对任何 D 都不改变尺寸。
#
# | 网络 | 新增内容 |
# |---|---|
# | V1 | VGG16 去掉最后两次下采样（输出步长 8），fc6 改为 D = 12 的 3x3 卷积（LargeFOV），再加上五张较浅特征图的得分（MSc），之后用全连接 CRF |
# | V2 | ResNet-101；多个空洞率并联，得分相加（ASPP）；三种图像尺度，取最大的得分 |
# | V3 | 带 BN 的 ASPP，增加 1x1 分支和图像级分支；最后一个阶段用 multi-grid (1, 2, 4)；不再用 CRF |
# | V3+ | 解码器：ASPP 的输出放大到步长 4，与第一阶段的 48 个通道拼接 |
#
# 对照论文阅读：[deeplab_v1.py](../../../../paddleseg_lite/models/deeplab_v1.py)（arXiv:1412.7062）、
# [deeplab_v2.py](../../../../paddleseg_lite/models/deeplab_v2.py)（1606.00915）、
# [deeplab_v3.py](../../../../paddleseg_lite/models/deeplab_v3.py)（1706.05587）、
# [deeplab_v3plus.py](../../../../paddleseg_lite/models/deeplab_v3plus.py)（1802.02611）、
# [CRF](../../../../paddleseg_lite/postprocess/crf.py)。

# %%
lab.figure("docs/images/networks/deeplab_v1_msc_zh.svg")

# %% [markdown]
# *带 MSc 的 DeepLab V1：六个深度各给出得分，再相加。*

# %%
lab.figure("docs/images/networks/deeplab_v2_zh.svg")

# %% [markdown]
# *DeepLab V2。*

# %%
lab.figure("docs/images/networks/deeplab_v3_zh.svg")

# %% [markdown]
# *DeepLab V3。*

# %%
lab.figure("docs/images/networks/deeplab_v3plus_zh.svg")

# %% [markdown]
# *DeepLab V3+：解码器接入一个 1/4 的特征图，它只看 35 像素。*

# %% [markdown]
# ## 公式与代码对照
#
# | 公式 | 文件 | 代码行 |
# |---|---|---|
# | $y[i] = \sum_k x[i + D k]\,w[k]$，填充 p = D | [models/deeplab_v2.py](../../../../paddleseg_lite/models/deeplab_v2.py) | `[nn.Conv2D(in_channels, num_classes, 3, padding=r, dilation=r, weight_attr=normal(0.01)) for r in rates]` |
# | 名义视野 $(k-1) \cdot r \cdot 8 + 32$（V1 表 2） | [models/deeplab_v1.py](../../../../paddleseg_lite/models/deeplab_v1.py) | `return (kernel - 1) * rate * 8 + 32` |
# | 输出步长：用加倍的空洞率代替一次步长 | [backbones/resnet.py](../../../../paddleseg_lite/backbones/resnet.py) | `step, dilation = 1, dilation * 2` |
# | multi-grid：空洞率 = 基础空洞率 · (1, 2, 4) | [backbones/resnet.py](../../../../paddleseg_lite/backbones/resnet.py) | `rate = (first if i == 0 else dilation) * (multi_grid[i] if index >= 3 else 1)` |
# | V1 的 MSc：$\mathrm{score}(\mathrm{fc7}) + \sum_m \mathrm{score}(\mathrm{branch}_m)$ | [models/deeplab_v1.py](../../../../paddleseg_lite/models/deeplab_v1.py) | `return {"out": reduce(add, (score(m) for score, m in zip(self.scores, maps)))}` |
# | V2：$\sum_r \mathrm{score}_r$ | [models/deeplab_v2.py](../../../../paddleseg_lite/models/deeplab_v2.py) | `return reduce(add, (branch(x) for branch in self.branches))` |
# | V2：对图像尺度取最大值 | [models/deeplab_v2.py](../../../../paddleseg_lite/models/deeplab_v2.py) | `return {"out": reduce(paddle.maximum, fused), **outputs}` |
# | V3：拼接 5 x 256 再投影 | [layers/pyramid.py](../../../../paddleseg_lite/layers/pyramid.py) | `return self.dropout(self.project(concat(maps)))` |
# | V3+：与第一阶段拼接 | [models/deeplab_v3plus.py](../../../../paddleseg_lite/models/deeplab_v3plus.py) | `y = self.decoder(concat([y, low]))` |
# | 新加的层用十倍学习率 | [models/base.py](../../../../paddleseg_lite/models/base.py) | `multiplier = 1.0 if id(parameter) in base_ids else (bias_mult if is_bias else head_lr_mult)` |
# | CRF：$Q_i \leftarrow \mathrm{softmax}(\log P_i + \sum_k w_k \sum_{j \ne i} k_k(i,j)\,Q_j)$ | [postprocess/crf.py](../../../../paddleseg_lite/postprocess/crf.py) | `energy[share] += message(q[share])` |
# | poly：$\mathrm{lr} = \mathrm{base}\,(1 - it/max)^{0.9}$ | [docs/course/scripts/train_basic.py](../../scripts/train_basic.py) | `poly = paddle.optimizer.lr.PolynomialDecay(lr, steps, end_lr=0.0, power=0.9)` |
#
# x、y、w：卷积的输入、输出与权重，D：空洞率，k：核的大小；r：某个分支的空洞率；m：MSc 所看的特征图，即图像和 pool1 到 pool4。it、max：当前步数与总步数。P：网络给出的像素 i 的概率，Q：修正后的概率，$k_k$：下面的两个核，$w_k$：它们的权重。

# %%
lab.figure("docs/course/figures/atrous_patterns_zh.png")

# %% [markdown]
# *一个输出用到哪些像素、各用几次。三层空洞率 2 只用到窗口的 29 %（网格效应）；空洞率 1、2、4 则全部用到。输出步长 8 时第 4 阶段的
# 4、8、16 又出现空洞，由它前面的各阶段填补。*

# %%
lab.figure("docs/course/figures/aspp_degeneration_zh.png")

# %% [markdown]
# *小特征图上的大空洞率：在 n x n 的图上取空洞率 n，只有中心点落在数据上，3x3 卷积退化成 1x1。所以 V3 加的是图像级池化，而不是更大的空洞率；我们的小型配方也因此用较小的空洞率（`deeplab_v3_scenes.yml` 用 2、4、6）。*
#
# LargeFOV 的“视野 224”是按步长 8 加上 VGG 的 32 个像素算出来的。逐层推算的感受野是 419 像素（含发布版的平均池化则为 435）。两者在这里都有测试。

# %% [markdown]
# ## MSc：六个深度的得分
#
# V1 的 MSc 是早期的跳跃连接。图像和 pool1 到 pool4 各接两个小层（一个 3x3 卷积，用步长把尺寸统一到 1/8；一个 1x1 卷积；各 128 通道），再各自给出得分，六个得分相加。论文的说法是把 128 个通道*拼接*起来再用一层打分。两者是一回事：对拼接后的通道做 1x1 卷积，等于对各部分做 1x1 卷积再相加（我们有测试）。训练时只更新新加的层（`freeze_trunk: true`）；论文里提高约 1.5 个百分点。

# %% [markdown]
# ## 十倍学习率
#
# 在 ImageNet 上训练过的骨干只需小步调整，后面的层却从零开始。DeepLab 的训练配方都给新层 10 倍的学习率（最后一层的偏置是 20 倍）。为此要把参数分组交给优化器：

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
# 在配方里写 `optimizer: {head_lr_mult: 10}`；在 [train_basic.py](../../scripts/train_basic.py) 里用 `--head_lr 10`。如果骨干也从零开始（实验就是如此），分组没有好处。

# %% [markdown]
# ## 全连接 CRF
#
# 步长为 8 的网络能找到物体，却对不准边缘。V1 和 V2 把它的概率交给一个条件随机场，其中*每个像素都与其他所有像素相连*：位置近、颜色又相似的两个像素应属于同一类。随机场有一个能量，两个愿望都满足时能量最低：
#
# $$E(x) = \sum_i -\log P_i(x_i) + \sum_{i<j} [x_i \ne x_j] \left( w_1 e^{-\frac{|p_i-p_j|^2}{2\sigma_\alpha^2} -
# \frac{|I_i-I_j|^2}{2\sigma_\beta^2}} + w_2 e^{-\frac{|p_i-p_j|^2}{2\sigma_\gamma^2}} \right)$$
#
# $x_i$ 是像素 i 的类别，$p_i$ 是它的位置（像素），$I_i$ 是它的原始颜色（0 到 255）。第一个核认识颜色（$\sigma_\alpha$ 以像素计，
# $\sigma_\beta$ 以灰度级计），第二个只做平滑（$\sigma_\gamma$）。能量的最小值求不出来，*平均场*方法可以接近它：为每个像素保留概率 Q，从 P
# 开始，让所有像素同时按核的权重为其他像素的类别投票，共十轮。直接写出来，每轮要 N² 次投票；在位置和颜色组成的五维空间里用格点近似，就只与 N 成正比。

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
# 这些权重取决于网络和图片，所以要在少量验证图上搜索。V3 不再使用 CRF：它的结果已经足够好，而在 CPU 上十轮迭代比网络本身还慢（[代价与收益（英文）](../../../results/crf_camvid.md)）。

# %% [markdown]
# ## 旧课程代码的错误及其表现
#
# * **`freeze_backbone_bn` 只冻结了一层。** 它只遍历骨干网络的直接子层，而那些是模块，只碰到一个 BN。表现为滑动统计量仍在变化。
#   先用我们的话写出错误的做法，再看正确的做法：
#
# ```text
# for layer in backbone.children():          # 只有 stem 和各阶段；BN 还在三层之下
#     if isinstance(layer, BatchNorm2d):
#         layer.eval()
# ```
#
#   应遍历所有子层：

# %%
from paddle import nn

from paddleseg_lite.backbones import ResNet50
from paddleseg_lite.layers import freeze_bn

backbone = ResNet50(width=0.1)
direct = sum(isinstance(layer, nn.BatchNorm2D) for layer in backbone.children())
print(direct, "among the children,", freeze_bn(backbone), "in all")
assert direct == 0 and freeze_bn(backbone) == 53

# %% [markdown]
# * **只有一个值的 BN。** ASPP 的图像级分支是 1x1：批大小为 1 时，每个通道只有一个值，没有方差可言。Paddle 会一声不响地原样返回输入。
#   我们的归一化层会报错并指出层名：

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
# * **空洞率。** 有一份参考代码在输出步长 8 时用 (1, 1, 2, 2)，论文是 (1, 1, 2, 4)；multi-grid 用的是 (1, 2, 1)；它引用的代码还会在
#   每个阶段的第一个模块之后丢掉空洞率。这些都能训练，看感受野才会发现。这里用一个没有全局池化、也没有图的网络来量（有了它们，
#   每个像素都能看到整幅图，`summary` 会写明这一点）：

# %%
from paddleseg_lite.cli.jobs.summary import describe

fields = []
for rates in ("[1,1,2,4]", "[1,1,2,2]"):
    opts = [f"model.backbone={{type: ResNet50, output_stride: 8, dilations: {rates}}}"]
    fields.append(describe(model="FCN", opts=opts, num_classes=2).receptive_field)
print(fields)
assert fields[0] > fields[1]

# %% [markdown]
# * **ASPP 分支放在 Python 列表里、图像级分支用了最大池化**：同[第三天](../../zh/day3.md)。
# * **混合体。** 课程的 DeepLab 既有级联（第 5 到 7 模块）*又*有 ASPP；在论文里两者是二选一。这里以 `course_deeplab` 提供，
#   保留其意图，去掉其错误。

# %% [markdown]
# ## 实验
#
# 页中实验的缩小版。完整的实验和应得的数字在那一页上。

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
# ## 练习
#
# 三个 3x3 卷积的空洞率为 (a, b, c)。它们的窗口有多宽？取 (2, 2, 2)、(1, 2, 4) 和 (1, 2, 5) 时，窗口中各有多少像素被用到？在 (1, 2) 之后，不留空洞的最大第三个空洞率是多少？答案见 [test_course.py](../../../../tests/docs/test_course.py) 的 `test_day4`。

# %%
# 三个宽度，三个用到的像素数，扩张率
answer = None, None, None  # 你的答案

# %%
check(4, answer, "zh");

# %% [markdown]
# <details><summary>答案</summary>
#
# `answer = (13, 15, 17), (49, 225, 289), 7`
#
# </details>
