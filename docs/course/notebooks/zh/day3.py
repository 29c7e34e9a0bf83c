# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 第三天：UNet、PSPNet 与小网络
#
# 本笔记本就是[../../zh/day3.md](../../zh/day3.md)这一页，可以运行：双核机器上从头到尾不到三分钟。在 AI Studio 或 Colab 上，请先把项目的压缩包（zip）上传到它旁边。

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
# FCN 在下采样途中丢失细节，而某一处的得分又不了解图中其余部分。有两种解决办法：
#
# * **UNet** 找回细节。收缩路径把特征图减半四次，扩张路径再放大四次，每一级都把下行路径的特征图*拼接*到上行路径上。直到最后一层
#   才压到 K 个通道，解码器始终拿着真正的特征。
# * **PSPNet** 补充上下文。最深的特征图（用空洞卷积保持在步长 8，明天的内容）分别在 1x1、2x2、3x3、6x6 的网格上取平均，
#   各自投影、放大再拼接：每个像素都知道整幅图的样子，也知道自己所在的四分之一、九分之一、三十六分之一是什么样子。第 3 阶段上
#   权重为 0.4 的辅助损失帮助深层网络训练。
#
# 课程文章里还有三个网络，想用更少的代价做到这些：**ENet**（36 万参数，即 0.36 百万）、**以 MobileNetV1 为骨干的 PSPNet**，以及
# **分步上采样、并被告知图中有哪些类别的 PSPNet**。
#
# 对照论文阅读：[models/unet.py](../../../../paddleseg_lite/models/unet.py)（arXiv:1505.04597）、
# [models/pspnet.py](../../../../paddleseg_lite/models/pspnet.py)（1612.01105）、
# [models/enet.py](../../../../paddleseg_lite/models/enet.py)（1606.02147）、
# [backbones/mobilenet.py](../../../../paddleseg_lite/backbones/mobilenet.py)（1704.04861）、
# [models/pspnet_progressive.py](../../../../paddleseg_lite/models/pspnet_progressive.py)。

# %%
lab.figure("docs/images/networks/unet_zh.svg")

# %% [markdown]
# *UNet。*

# %%
lab.figure("docs/images/networks/pspnet_zh.svg")

# %% [markdown]
# *PSPNet：从金字塔起，每个值都看得到整幅图。*

# %%
lab.figure("docs/images/networks/enet_zh.svg")

# %% [markdown]
# *ENet：很窄，两块之后就到 1/8。*

# %%
lab.figure("docs/images/networks/pspnet_progressive_zh.svg")

# %% [markdown]
# *逐步上采样的 PSPNet 和它的存在性头。*

# %% [markdown]
# ## 公式与代码对照
#
# | 公式 | 文件 | 代码行 |
# |---|---|---|
# | 拼接跳跃特征与上采样特征 | [models/unet.py](../../../../paddleseg_lite/models/unet.py) | `return self.conv(concat([skip, x] if s.skip_first else [x, skip]))` |
# | 无填充卷积：输出 = n − 184，n ≡ 12 (mod 16) | [models/unet.py](../../../../paddleseg_lite/models/unet.py) | `if side % 16 != 12 or side < 188:` |
# | He 初始化 $N(0, \sqrt{2/N})$ | [models/unet.py](../../../../paddleseg_lite/models/unet.py) | `he = paddle.ParamAttr(initializer=nn.initializer.KaimingNormal())` |
# | 长度 L 分 n 格，第 i 格为 $[\lfloor iL/n\rfloor, \lceil (i+1)L/n\rceil)$ | [layers/pyramid.py](../../../../paddleseg_lite/layers/pyramid.py) | `start, stop = (i * length) // bins, -((-(i + 1) * length) // bins)` |
# | 池化写成两次矩阵乘 $R\,x\,C^\top$ | [layers/pyramid.py](../../../../paddleseg_lite/layers/pyramid.py) | `return paddle.matmul(paddle.matmul(rows, x), columns, transpose_y=True)` |
# | 金字塔：$[x, u(p_1), u(p_2), u(p_3), u(p_6)]$ | [layers/pyramid.py](../../../../paddleseg_lite/layers/pyramid.py) | `maps.append(up(gate(branch(pooled))))` |
# | ENet 一开始就下采样：$[\mathrm{conv}_{3,2}(x), \max(x)]$ | [models/enet_blocks.py](../../../../paddleseg_lite/models/enet_blocks.py) | `return self.act(self.bn(concat([y, self.pool(x)])))` |
# | ENet 把 5x5 拆成 5x1 和 1x5 | [models/enet_blocks.py](../../../../paddleseg_lite/models/enet_blocks.py) | `first = nn.Conv2D(inner, inner, (5, 1), padding=(2, 0), bias_attr=False)` |
# | ENet 上采样：反池化 + 转置卷积 | [models/enet_blocks.py](../../../../paddleseg_lite/models/enet_blocks.py) | `main = place.restore(main) if self.unpool else resize(main, place.size, mode="nearest")` |
# | 可分离卷积：每个通道一个 3x3，再接 1x1 | [layers/separable.py](../../../../paddleseg_lite/layers/separable.py) | `self.pointwise = ConvBNAct(in_channels, out_channels, 1, act=act, bias=bias, epsilon=epsilon, momentum=momentum)` |
# | 存在性：$\mathrm{MLP}(\max_{i} x_i)$ | [models/pspnet_progressive.py](../../../../paddleseg_lite/models/pspnet_progressive.py) | `strongest = F.adaptive_max_pool2d(features[-2], 1)` |
# | dice：$1 - (2\sum p g + s)/(\sum p + \sum g + s)$ | [losses/dice.py](../../../../paddleseg_lite/losses/dice.py) | `loss = 1.0 - (2.0 * shared + self.smooth) / (total + self.smooth)` |
# | 损失 $= L_{out} + 0.4\,L_{aux}$ | [docs/course/scripts/train_basic.py](../../scripts/train_basic.py) | `LOSS_WEIGHTS = {"out": 1.0, "aux": 0.4, "presence": 0.2}` |
#
# n：图像边长（UNet），或沿一边的格数（PSPNet）；N：一个值的输入个数（核面积乘输入通道数）；L：特征图边长；i：格的编号，从 0 开始；R、C：行、列的分格矩阵；$p_n$：池化成 n x n 的图，u：再放大回来。x：特征图，$x_i$：它的像素。p：某像素属于某类的概率；g：该类是真值时为 1；
# s = 1：避免分母为零。$L_{out}$、$L_{aux}$：两个输出各自的交叉熵。

# %%
lab.figure("docs/course/figures/pyramid_bins_zh.png")

# %% [markdown]
# *四个层级各自保留了图像的哪些信息。特征图不能被格数整除时，相邻的格会重叠（最右）。*

# %% [markdown]
# ## ENet：为道路设计的网络
#
# ENet 的参数量和计算量都是 UNet 的百分之一，它是这样做到的：
#
# * **立刻缩小。** 第一个模块把图缩到一半，第二个缩到四分之一，然后网络才变宽。在全分辨率上只做一次输出 13 通道的 3x3 卷积，再与
#   最大池化后的图像拼接。
# * **编码器大，解码器小。** 22 个瓶颈模块负责看，5 个负责画。解码器只把编码器认出的东西放到位置上。
# * **瓶颈模块。** 1x1 卷积把通道压到四分之一，真正的卷积在那里进行，再用 1x1 展开，最后与输入相加。下采样时，输入做最大池化，
#   缺少的通道补零。
# * **用很少的代价看得更远。** 空洞率 2、4、8、16（[第四天](../../zh/day4.md)）与*非对称*卷积交替：先 5x1 再 1x5，能看到 5 x 5，却只用 10 个
#   权重而不是 25 个。
# * **PReLU**：$\max(0, x) + a\,\min(0, x)$，每个通道有一个学出来的斜率 a，初值 0.25。网络很窄时，一个永远关闭的 ReLU 就等于
#   少了一个通道。
# * **空间 dropout** 整个通道一起丢。特征图上相邻像素的内容几乎相同，只丢单个值等于什么也没丢。
# * **反池化**（[第二天](../../zh/day2.md#反池化)）：每个值只多存一个下标，解码器就知道最大值原来在哪里。

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
# ## MobileNet 版 PSPNet：可分离卷积
#
# 一个 3x3 卷积同时做两件事：看周围，以及混合通道。MobileNet 把它们分开做：先对每个通道单独做 3x3（*depthwise*），再用 1x1 混合通道（*pointwise*）。计算量变为原来的 $1/C_{out} + 1/k^2$，k = 3 时约为 9 分之一：

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
# DeepLab V3+（[第四天](../../zh/day4.md)）的标题里就有可分离卷积，并且给它加上空洞。在文章的 PSPNet 里，金字塔接在 MobileNet 步长 32 的特征图上：
# 6 x 6 的格至少要有 6 个像素，所以边长要能被 192 整除。

# %% [markdown]
# ## 分步上采样的 PSPNet 与存在性
#
# 渐进式 PSPNet 分三次放大，每次放大 2 倍之后做一次 3x3 卷积，而不是一次把得分放大 8 倍。它还有第二个头，完全不管位置：取每个通道在
# *整幅*图上的最强响应，再经过两个线性层，回答每个类别是否出现在图中。它的标签可以直接从标注图得到。损失是
# $L_{out} + \alpha L_{presence}$，取 $\alpha = 1$，第二项是对每个类别的二元交叉熵。在没有一个像素判对之前，它就教会骨干网络哪些东西会一起出现；GINet 的 SC-loss（[第七天](../../zh/day7.md)）是同一个想法。

# %% [markdown]
# ## 把 dice 用作损失
#
# 交叉熵按像素计数。某一类只占百分之一的像素时，永远不预测它也几乎没有代价。dice 计算的是重叠：无论类别多小，漏掉它，这一类的比值就很差。代价是梯度依赖整个批次，所以一般把它与交叉熵相加使用。ENet 文章把*所有类别*展平成一个比值，稀有类别于是又被淹没：

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
# 文章的总损失是 $\mathrm{BCE} + 3\,(1 - \mathrm{dice})$，在这里是 `BCEDiceLoss`。

# %% [markdown]
# ## 旧课程代码的错误及其表现
#
# * **分支放进了 Python 列表。** Paddle 只认识作为属性的层，或放在 `LayerList` 里的层。课程把金字塔（以及后来的 ASPP）的分支放在
#   普通列表里：这些参数从未被训练，也从未被保存。表现为 `state_dict()` 里缺了一块，重新加载检查点后得分也会变。

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
# * **平均池化变成了最大池化。** `fluid.layers.adaptive_pool2d` 不指定类型时取最大值，而课程从未指定。PSPNet 论文比较过两者，
#   平均更好。除了分数变差，没有任何迹象。用我们的话写出来就是：
#
# ```text
# self.branches = []                                     # 普通列表：Paddle 不会往里看
# for bins in (1, 2, 3, 6):
#     self.branches.append(conv_bn(channels, channels // 4))
# ...
# y = fluid.layers.adaptive_pool2d(x, [bins, bins])      # 这里的 pool_type 是 "max"
# ```
#
# * **`Dropout(0,1)`**：两个文件里把小数点写成了逗号，于是 p = 0，1 成了下一个参数，等于没有 dropout。
# * **UNet 的中间层用了 1x1 卷积。** 课程最深处是两个 1x1 卷积，论文是 3x3。能训练，但最深一级看到的范围并不比 pool4 更大：

# %%
from paddleseg_lite.cli.jobs.summary import describe

course = describe(model="UNet", opts=["model.style=course"], num_classes=2, height=256, width=256)
paper = describe(model="UNet", opts=["model.style=same"], num_classes=2, height=256, width=256)
print(course.receptive_field, "against", paper.receptive_field, "pixels")
assert course.receptive_field < paper.receptive_field

# %% [markdown]
# * **MobileNet 版 PSPNet（Keras）用自己的默认值就会报错**：它断言边长能被 192 整除，默认输入却是 224；而且输出只有输入的四分之一。
#   这里的 `pspnet_mobilenet` 接受任意尺寸。
# * **渐进上采样的 PSPNet** 按 2048 通道配置，骨干却是输出 512 通道的 ResNet-34。表现为第一步就形状不符。我们的宽度取自骨干网络。
# * **ENet（Keras）**：解码器的 3x3 卷积建好了，结果却被丢弃；第一个模块缺 BN 和 PReLU；解码器用重复像素代替反池化；BN 的
#   momentum 写成 0.1，相当于给*新值* 0.9 的权重。没有任何人用到其结果的层，Keras 根本不放进模型：
#   表现为 `summary()` 里少三层、参数少 4,788 个。我们的实现：[models/enet.py](../../../../paddleseg_lite/models/enet.py)，
#   加 `faithful: true` 就与文章逐位一致。

# %% [markdown]
# ## 实验
#
# 页中实验的缩小版。完整的实验和应得的数字在那一页上。

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
# ## 练习
#
# 把长 33 的特征图池化成 6 格，哪些像素同时落在两个格里？在 60 以内，哪些长度能让四个层级（1、2、3、6）的格都不重叠？答案见
# [test_course.py](../../../../tests/docs/test_course.py) 的 `test_day3`。

# %%
# 像素（从 0 数起），长度
answer = None, None  # 你的答案

# %%
check(3, answer, "zh");

# %% [markdown]
# <details><summary>答案</summary>
#
# `answer = [5, 16, 27], range(6, 61, 6)`
#
# </details>
