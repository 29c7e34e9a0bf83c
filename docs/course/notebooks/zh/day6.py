# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 第六天：GCU 与 GloRe
#
# 本笔记本就是[../../zh/day6.md](../../zh/day6.md)这一页，可以运行：双核机器上从头到尾不到三分钟。在 AI Studio 或 Colab 上，请先把项目的压缩包（zip）上传到它旁边。

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
# 两种单元都在网络里放进一张小图：把像素聚合成 V 个节点，在节点之间传递消息，再把节点展开回像素。区别在于像素如何找到自己的节点。
#
# * **GCU**（Beyond Grids）按距离做软分配：每个节点在特征空间里有一个锚点，每个通道有一个尺度，像素属于离它近的节点。邻接矩阵是节点之间的
#   相似度，每张图都不同。2、4、8、32 个节点的四张图并联。
# * **GloRe** 做线性投影：由一个可学习的 1x1 卷积决定每个像素给每个节点加上（或减去）多少。邻接矩阵是学出来的，所有图像共用。
#   展开时使用同一个投影。
#
# 对照论文阅读：[graph/gcu.py](../../../../paddleseg_lite/graph/gcu.py)（NeurIPS 2018）、
# [graph/glore.py](../../../../paddleseg_lite/graph/glore.py)（arXiv:1811.12814）。任何网络都可以在配置里写一项
# `context: {type: GloRe}` 来使用它们。

# %%
lab.figure("docs/images/networks/gcunet_zh.svg")

# %% [markdown]
# *带 GCU 的 ResNet-50。*

# %%
lab.figure("docs/images/networks/glore_zh.svg")

# %% [markdown]
# *带 GloRe 的 ResNet-50。*

# %% [markdown]
# ## 公式与代码对照
#
# | 公式 | 文件 | 代码行 |
# |---|---|---|
# | GCU：$q_{ik} = \mathrm{softmax}_k(-\tfrac12\lVert (x_i-w_k)/\sigma_k\rVert^2)$ | [graph/gcu.py](../../../../paddleseg_lite/graph/gcu.py) | `return F.softmax(-0.5 * distance, axis=1)` |
# | 把平方展开，避免构造 $V \times L \times C$ 的张量 | [graph/gcu.py](../../../../paddleseg_lite/graph/gcu.py) | `distance = paddle.matmul(inverse, x * x) - 2.0 * paddle.matmul(self.anchors * inverse, x)` |
# | $z'_k = \sum_i q_{ik}(x_i-w_k)/\sigma_k \,/\, \sum_i q_{ik}$ | [graph/gcu.py](../../../../paddleseg_lite/graph/gcu.py) | `z = residual / mass.clip(min=EPS_MASS)` |
# | $z_k = z'_k / \lVert z'_k\rVert$ | [graph/gcu.py](../../../../paddleseg_lite/graph/gcu.py) | `return z / ((z * z).sum(-1, keepdim=True) + EPS_NORM**2).sqrt()` |
# | $A = Z Z^\top$ | [graph/gcu.py](../../../../paddleseg_lite/graph/gcu.py) | `adjacency = paddle.matmul(z, z, transpose_y=True)` |
# | $\tilde X = Q\tilde Z$ | [graph/gcu.py](../../../../paddleseg_lite/graph/gcu.py) | `maps.append(to_map(paddle.matmul(nodes, q, transpose_x=True), x))  # [N, C, H, W]` |
# | GloRe：$v = \theta(X) B^\top / L$ | [graph/glore.py](../../../../paddleseg_lite/graph/glore.py) | `return mean_product(state, projection)` |
# | $W_s\,\mathrm{ReLU}(v(I - A))$ | [graph/gcn.py](../../../../paddleseg_lite/graph/gcn.py) | `return self.conv2(F.relu(h)) if self.order == "official" else F.relu(self.conv2(h))` |
# | $X + \mathrm{BN}(\mathrm{extend}(yB))$ | [graph/glore.py](../../../../paddleseg_lite/graph/glore.py) | `return add(x, self.blocker(self.conv_extend(spread))), {}` |
#
# $x_i$：像素 i 的 C 个通道，像素共 L 个；$w_k$、$\sigma_k$：节点 k 的锚点和尺度，节点共 V 个；q、Q：像素归属各节点的份额；z、Z：节点状态，推理之后为 $\tilde Z$。$\theta$：到 S 个状态通道的 1x1 卷积；B：投影图，V x L；v：S x V 的状态；A：学出来的邻接矩阵；$W_s$：状态更新；
# y：推理后的状态。
#
# GCU 的 A 默认还像公开代码那样按行做 softmax；`adj_norm: none` 则与公式完全一致。单元的 S 和 V 都是配方里的参数：
# `context: {type: GloRe, num_state: 32, num_nodes: 16}`。

# %%
lab.figure("docs/course/figures/glore_nodes_zh.png")

# %% [markdown]
# *小网络里的 GloRe（16 个节点），在 Scenes 上训练 150 步之后。红色表示把像素加到节点上，蓝色表示减去。节点 14 是天空对地面，节点 10 是行人和树干。*

# %%
lab.figure("docs/course/figures/gcu_owner_zh.png")

# %% [markdown]
# *GCU 的四张图看同一幅画面：每个像素主要归属哪个节点。从 2 个节点到 32 个节点，区域越分越细；这幅画面实际用到了 32 个节点中的约 14 个。*
#
# 想看自己的网络：`tools/infer.py --explain` 会在预测旁边画出这些图；在脚本里用
# [graph/introspect.py](../../../../paddleseg_lite/graph/introspect.py)（`explain_model`、`report`）。节点塌缩时 `report` 会给出警告。

# %% [markdown]
# ## 已发布代码的错误及其表现
#
# * **GCU：把 `view` 当转置。** 公开的移植版本把节点存成 `[B, V, C]`，展平后再 view 成 `[B, C, V]`。这只是改变形状，会把不同节点的通道
#   混在一起。损失曲线上完全看不出来，但此时给节点重新编号会改变结果，而这本不应该发生：

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
# 用我们的话写出移植版本的那一行，以及正确的写法：
#
# ```text
# z = z.reshape(batch, channels, nodes)      # 错：z 是 [batch, nodes, channels]
# z = z.transpose(1, 2)                      # 对
# ```
#
# * **GCU：又做了一次归一化**，对象是整个 V x C 向量，这是 NetVLAD 留下的习惯。结果相当于把 A 除以 V。
# * **GloRe：最后的 BN。** 官方代码的注释说应从零开始，初始化函数却设成了一。从零开始，单元起初就是恒等映射，不会伤害预训练网络：

# %%
import paddle

from paddleseg_lite.graph import GloRe

unit, x = GloRe(in_channels=8, num_state=4, num_nodes=3), paddle.randn([2, 8, 6, 5])
assert (unit(x)[0] == x).all()

# %% [markdown]
# * **GloRe：顺序。** PaddleSeg 计算 ReLU(W h)，官方代码计算 W ReLU(h)：转换权重时若不设置该选项，得到的是另一个网络。
#   这里对应 `order: paddleseg`。

# %% [markdown]
# ## 实验
#
# 页中实验的缩小版。完整的实验和应得的数字在那一页上。

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
# ## 练习
#
# 非局部模块让每个像素与其他所有像素建立联系，GloRe 只在 V 个节点之间建立联系。在 64 x 64、512 通道的特征图上，两者的激活相乘各需要多少次乘加（非局部用 C/2 个通道，GloRe 取 S = 128、V = 64）？边长翻倍时各增长多少倍？答案见
# [test_course.py](../../../../tests/docs/test_course.py) 的 `test_day6`。

# %%
# 非局部和 GloRe 的乘加次数；边长加倍时各变成几倍
answer = None, None, None, None  # 你的答案

# %%
check(6, answer, "zh");

# %% [markdown]
# <details><summary>答案</summary>
#
# `answer = 8.59e9, 67.1e6, 16, 4`
#
# </details>
