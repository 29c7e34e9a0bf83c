# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 第一天：基础与评价指标
#
# 本笔记本就是[../../zh/day1.md](../../zh/day1.md)这一页，可以运行：双核机器上从头到尾不到三分钟。在 AI Studio 或 Colab 上，请先把项目的压缩包（zip）上传到它旁边。

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
# 语义分割为每个像素指定 K 个类别中的一个。网络把图像 `[N, 3, H, W]` 映射为 *logits* `[N, K, H, W]`，即每个像素、每个类别一个得分；沿 K 取 argmax 就得到预测。训练时最小化逐像素的交叉熵，并对有标注的像素取平均。有些像素没有标注（物体边界、“void”），它们的编号是 255，既不参与损失，也不参与评价。
#
# 单看一个像素的颜色往往判断不出类别，要看它周围有什么。实验会量化这一点：一个只看单个像素的分类器，对比一个能看到 7 x 7 邻域的分类器。后面六天的内容，都是在想办法看得更广，同时不丢失位置。
#
# ### 什么是上下文
#
# *上下文*是像素（或物体）自身之外、却能说明其类别的一切信息。缺少上下文的网络会犯三类错误（例子来自 PSPNet 论文）：
#
# * **关系不合理。** 船有顶、有窗，船身和汽车一样长。在河里它是船；看不到水的网络会把它叫作汽车。
# * **类别相似。** “摩天大楼”与“建筑”、“田野”与“草地”：同一面墙一半判成这个、一半判成那个。看到整幅图，就能一次为整体做决定。
# * **不显眼的物体。** 枕头与床单花纹相同，远处的电线杆很细。知道这里是一张床，才会去找枕头。
#
# 第一类需要知道图里*有哪些*东西（第三、六、七天），第二类需要为整个物体只做一次决定（第三、六天），第三类既要看得广，又要保住细节（第二到四天）。
#
# ### 损失与训练循环
#
# 一个像素的 logits $z_k$ 经 softmax 变成概率；类别为 y 的像素，损失是它所得概率的负对数；$\Omega$ 是有标注的像素：
#
# $$p_k = \frac{e^{z_k}}{\sum_j e^{z_j}}, \qquad L = -\frac{1}{|\Omega|} \sum_{i \in \Omega} \log p_{i,y_i}, \qquad
# \frac{\partial L}{\partial z_{i,k}} = \frac{p_{i,k} - [k = y_i]}{|\Omega|}$$
#
# 好用之处在于梯度：概率减去真值，有界，预测既确定又正确时为零。类别权重 w 乘在各项上，分母 $|\Omega|$ 则换成权重之和。

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
# 训练循环对每个批次重复五步：算 logits、算损失、求梯度（`backward`）、优化器沿负梯度走一步、梯度清零。把数据过一遍叫一个 *epoch*。后三步在课程的每个脚本里都是三行代码；学习率在训练中逐渐降到零（[第四天](../../zh/day4.md)）。

# %%
lab.figure("docs/images/networks/fcn_resnet_zh.svg")

# %% [markdown]
# *本课程的网络图：从上到下是计算顺序，从左到右是分辨率。每个方框写着特征图的通道数，以及其中一个值看得到图像的多大范围。每幅图都由建好的网络画出，你自己的网络也可以：`python tools/summary.py --model FCN --draw fcn.svg`。*

# %% [markdown]
# ## 公式与代码对照
#
# | 公式 | 文件 | 代码行 |
# |---|---|---|
# | 输出尺寸 $\lfloor (H + 2p - D(k-1) - 1)/S \rfloor + 1$ | [docs/course/scripts/day1.py](../../scripts/day1.py) | `nn.Conv2D(3, 24, 3, padding=1)`：p = D = 1、k = 3、S = 1 时 H 不变 |
# | $L = -\frac{1}{\lvert\Omega\rvert} \sum_{i\in\Omega} \log p_{i,y_i}$ | [docs/course/scripts/day1.py](../../scripts/day1.py) | `loss = F.cross_entropy(model(batch["image"]), batch["label"].unsqueeze(1), axis=1, ignore_index=255)` |
# | 同上，带权重 $w_{y_i}$ | [losses/cross_entropy.py](../../../../paddleseg_lite/losses/cross_entropy.py) | `return safe_ratio(total, weight.sum()) if self.avg_non_ignore else total / loss.shape[0]` |
# | 循环中的一步 | [docs/course/scripts/day1.py](../../scripts/day1.py) | `loss.backward() optimizer.step() optimizer.clear_grad()` |
# | $n_{ij}$：真值为 i、预测为 j 的像素数 | [metrics/confusion.py](../../../../paddleseg_lite/metrics/confusion.py) | `self.matrix += np.bincount(cell, minlength=k * (k + 1))[: k * k].reshape(k, k)` |
# | $t_i=\sum_j n_{ij},\ p_j=\sum_i n_{ij}$ | [metrics/scores.py](../../../../paddleseg_lite/metrics/scores.py) | `hit, truth, predicted, total = np.diag(n), n.sum(axis=1), n.sum(axis=0), n.sum()` |
# | $\mathrm{IoU}_i = n_{ii}/(t_i+p_i-n_{ii})$ | [metrics/scores.py](../../../../paddleseg_lite/metrics/scores.py) | `iou = _ratio(hit, truth + predicted - hit)` |
# | 像素准确率 $\sum n_{ii}/\sum n_{ij}$ | [metrics/scores.py](../../../../paddleseg_lite/metrics/scores.py) | `aAcc=float(hit.sum() / total) if total else np.nan` |
# | Dice $= 2\,\mathrm{IoU}/(1+\mathrm{IoU})$ | [metrics/scores.py](../../../../paddleseg_lite/metrics/scores.py) | `dice = 2 * iou / (1 + iou)` |
#
# H：特征图的高（或宽）；k、S、p、D：卷积核大小、步长、填充、空洞率。i、j：类别，从 0 到 K − 1；$t_i$：真值为 i 的像素数；$p_j$：预测为 j
# 的像素数（在损失里，$p_{i,k}$ 是像素 i 属于类别 k 的概率）；$y_i$：像素 i 的标签。

# %%
lab.figure("docs/course/figures/confusion_zh.png")

# %% [markdown]
# *一个手算例子。编号为 255 的两个像素不进入任何计数。类别 2 有一个像素被误判为类别 0，因此类别 2 和类别 0 的 IoU 都下降。*
#
# 整个数据集只累计一个混淆矩阵，最后由它一次算出所有指标。逐图计算 IoU 再取平均是另一个数，可能偏大也可能偏小：某一类若只在一张图里占三个像素，权重却和铺满十张图的类别一样大。
#
# 若某一类在真值和预测中都没有出现，IoU 就是 0/0。各家代码的处理不同，均值也就不同：FCN 跳过该类，PaddleSeg 和 semseg 记为 0。这里用 `--miou_convention` 选择，默认跳过。

# %% [markdown]
# ## 旧课程代码的错误及其表现
#
# * **“mAcc”其实是像素准确率。** 笔记把两张图展平后统计相等的像素，结果由天空和道路主导。按类别取平均的 mAcc 是另一个数：
#   图中分别是 0.857 和 0.850，在街景上差距大得多。用我们的话写出来就是：
#
# ```text
# pred = np.argmax(out, axis=1).flatten()
# label = label.flatten()
# acc = (pred == label).sum() / len(label)      # 按像素统计，255 也算作错误
# ```
#
# * **用插值缩放标签。** 有一份课程变换的转写用双线性插值缩放标签，于是类别 0 和类别 10 之间出现了“类别 5”。表现为物体边缘一圈
#   莫名其妙的类别，或者标签超出 [0, K)。

# %%
import cv2
import numpy as np

label = np.array([[0, 0, 10, 10]], np.uint8)
wrong = cv2.resize(label, (8, 1), interpolation=cv2.INTER_LINEAR)
right = cv2.resize(label, (8, 1), interpolation=cv2.INTER_NEAREST)
print(wrong, right)
assert set(np.unique(wrong)) - {0, 10} and set(np.unique(right)) == {0, 10}

# %% [markdown]
# * **模型里做了一次 softmax，损失里又做一次**（课程引用的网络中有两个以 Softmax 或 LogSoftmax 结尾）。概率都在 0 和 1 之间，
#   对 K 个概率再做 softmax，结果永远到不了 1。损失因此有一个下限，训练到那里就停滞：

# %%
import paddle
import paddle.nn.functional as F

logits, label = paddle.to_tensor([[100.0] + [0.0] * 7]), paddle.to_tensor([0])
once, twice = (float(F.cross_entropy(x, label)) for x in (logits, F.softmax(logits)))
print(once, twice)  # 0.0 and -log(e / (e + 7)) = 1.274
assert once < 1e-6 and abs(twice - 1.2741) < 1e-3

# %% [markdown]
# ## 实验
#
# 页中实验的缩小版。完整的实验和应得的数字在那一页上。

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
# ## 练习
#
# 验证集有两张图。图 1 有 100 个类别 0 的像素，全部预测正确。图 2 有 99 个类别 0 的像素，全部正确，还有 1 个类别 1 的像素，被预测为 0。整个集合的 mIoU 是多少？两张图各自 mIoU 的平均又是多少？为什么相差这么大？答案见
# [test_course.py](../../../../tests/docs/test_course.py) 的 `test_day1`。

# %%
# 整个集合的 mIoU，两图 mIoU 的均值
answer = None, None  # 你的答案

# %%
check(1, answer, "zh");

# %% [markdown]
# <details><summary>答案</summary>
#
# `answer = 0.4975, 0.7475`
#
# </details>
