# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 第五天：图卷积
#
# 本笔记本就是[../../zh/day5.md](../../zh/day5.md)这一页，可以运行：双核机器上从头到尾不到三分钟。在 AI Studio 或 Colab 上，请先把项目的压缩包（zip）上传到它旁边。

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
# 卷积把一个像素与网格上的邻居混合。图卷积把一个*节点*与图上的邻居混合：先由每个节点取邻居状态的加权和（消息传递），再让每个状态乘以同一个矩阵（状态更新）。图决定谁和谁交流，矩阵决定交流之后变成什么。
#
# Kipf 和 Welling（arXiv:1609.02907）对邻接矩阵做对称归一化，并让每个节点保留自身。第六、七天把它用到图像上：像素聚合成少数几个节点，节点之间交流，再把结果送回像素。这样一来，图像相距最远的两个角也只隔一步。
#
# 对照论文阅读：[graph/gcn.py](../../../../paddleseg_lite/graph/gcn.py)。

# %%
lab.figure("docs/images/networks/unit_in_deeplab_zh.svg")

# %% [markdown]
# *图单元在网络里的位置：带 `context: {type: GloRe}` 的 DeepLab V3+。*

# %% [markdown]
# ## 公式与代码对照
#
# | 公式 | 文件 | 代码行 |
# |---|---|---|
# | $\tilde A = A + I$ | [graph/gcn.py](../../../../paddleseg_lite/graph/gcn.py) | `a = a + paddle.eye(a.shape[-1], dtype=a.dtype)  # A~ = A + I` |
# | $\tilde D_{ii} = \sum_j \tilde A_{ij}$ | [graph/gcn.py](../../../../paddleseg_lite/graph/gcn.py) | `degree = a.sum(-1)  # D~_ii = sum_j A~_ij` |
# | $L = \tilde D^{-1/2}\tilde A\tilde D^{-1/2}$ | [graph/gcn.py](../../../../paddleseg_lite/graph/gcn.py) | `return a * scale.unsqueeze(-2) if normalize == "sym" else a` |
# | $H' = \sigma(L H W)$ | [graph/gcn.py](../../../../paddleseg_lite/graph/gcn.py) | `out = self.linear(paddle.matmul(messages, h))  # (L H) W + b: the bias is not passed between nodes` |
# | 可学习的邻接矩阵，带残差：$v(I + W_n^\top) + b$ | [graph/gcn.py](../../../../paddleseg_lite/graph/gcn.py) | `h = self.conv1(v.transpose([0, 2, 1])).transpose([0, 2, 1]) + v  # convolve along the nodes` |
#
# A：邻接矩阵，$A_{ij}$ 表示节点 i 从节点 j 取多少；I：单位矩阵；$\tilde D$：由 $\tilde A$ 各行之和构成的对角矩阵；L：消息矩阵；
# H：状态，每行一个节点；W：更新的权重；$\sigma$：激活函数。v：GloRe 的状态，每列一个节点；$W_n$、b：学出来的邻接矩阵和偏置。

# %%
lab.figure("docs/course/figures/gcn_propagation_zh.png")

# %% [markdown]
# *小图上一个节点处的单位信号。一步之后到达邻居，两步之后到达邻居的邻居；中间的桥放行得很少。步数极多之后，只剩下节点度的信息。*

# %% [markdown]
# ## 常见错误及其表现
#
# 这一天的课程笔记只有公式，没有代码。下面是作业里常见的疏漏：
#
# * **没有归一化。** A + I 的最大特征值约等于节点的度，每一层都要乘上它。
# * **没有自环。** 节点在每一层都忘掉自己的状态；两个相连的节点只会互换状态。
# * **层数太多。** 所有状态都变成同一个向量的倍数（过平滑）。

# %%
import paddle

from paddleseg_lite.graph import normalize_adjacency

a = paddle.to_tensor([[0.0, 1, 1, 1], [1, 0, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]])
raw, normal = a + paddle.eye(4), normalize_adjacency(a)
h = paddle.randn([4, 2])
grown, kept = h, h
for _ in range(20):
    grown, kept = raw @ grown, normal @ kept
print(float(grown.abs().max()), float(kept.abs().max()))
assert float(grown.abs().max()) > 1e6 * float(kept.abs().max())

pair = paddle.to_tensor([[0.0, 1], [1, 0]])
swapped = normalize_adjacency(pair, add_self=False) @ paddle.to_tensor([[1.0], [0.0]])
assert swapped.flatten().tolist() == [0.0, 1.0]

shares = kept / raw.sum(1, keepdim=True).sqrt()  # over-smoothed: every row the same but for the root of its degree
print(shares)
assert float((shares - shares[0]).abs().max()) < 1e-4

# %% [markdown]
# ## 实验
#
# 页中实验的缩小版。完整的实验和应得的数字在那一页上。

# %%
import day5
import numpy as np

scores = {net: day5.train(net) for net in ("gcn", "mlp")}
lab.bars(scores, "accuracy")
adjacency, features, truth, named = day5.make_graph()
order = np.argsort(truth, kind="stable")
figure, axes = lab.plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
axes[0].imshow(adjacency[order][:, order], cmap="Greys")
axes[1].scatter(features[:, 0], features[:, 1], c=truth, s=np.where(named, 90, 15))
for axis, title in zip(axes, ("adjacency", "two of the eight features")):
    axis.set_title(title)
lab.plt.show()

# %% [markdown]
# ## 练习
#
# 图中节点 0 处的信号，在无穷多步之后收敛到什么值？（节点 0 有两个邻居，全图七个节点、八条边。）答案见
# [test_course.py](../../../../tests/docs/test_course.py) 的 `test_day5`。

# %%
# 该值
answer = None  # 你的答案

# %%
check(5, answer, "zh");

# %% [markdown]
# <details><summary>答案</summary>
#
# `answer = 3 / 23`
#
# </details>
