# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 第七天：GINet
#
# 本笔记本就是[../../zh/day7.md](../../zh/day7.md)这一页，可以运行：双核机器上从头到尾不到三分钟。在 AI Studio 或 Colab 上，请先把项目的压缩包（zip）上传到它旁边。

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
# GloRe 的节点只了解画面本身。GINet 增加了第二张图，它了解*类别*：每个类别一个节点，由类别名称的词向量得到（“car”离“bus”比离“sky”近）。两张图相互作用：
#
# * **S2V**（语义到视觉）：每个视觉节点查看所有类别节点，取用与自己相符的信息。
# * **V2S**（视觉到语义）：每个类别节点查看视觉节点，成为该类别在这张图里的实例。
#
# 没有词向量文件时（实验就是如此），每个类别用一个固定的随机方向：彼此不同，但“car”并不会离“bus”更近。
#
# 视觉节点像 GloRe 那样回到像素。每个类别节点经过一个线性层，判断该类别是否出现在图中；SC-loss 用二元交叉熵训练这个判断，V2S 通路也由此得到训练。
#
# 对照论文（arXiv:2009.06160）阅读：[graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py)、
# [models/ginet.py](../../../../paddleseg_lite/models/ginet.py)。

# %%
lab.figure("docs/images/networks/ginet_zh.svg")

# %% [markdown]
# *GINet：图单元还回答哪些类别在图中。*

# %% [markdown]
# ## 公式与代码对照
#
# | 公式 | 文件 | 代码行 |
# |---|---|---|
# | $P = Z (\phi X)^\top / L$ | [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py) | `return mean_product(pixels(assignment), pixels(self.conv_phi(x)))` |
# | $S = \mathrm{MLP}(\text{词向量})$ | [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py) | `s = relu(norm(s)).squeeze([0, -1]).transpose([1, 0])` |
# | $E = (W_q\tilde S)(W_k\tilde P)^\top$ | [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py) | `energy = paddle.matmul(self.query(s), self.key(p), transpose_y=True)  # [N, K, V]` |
# | 门控：E 分别沿类别、沿视觉节点做 softmax | [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py) | `g_s2v, g_v2s = F.softmax(energy, axis=1), F.softmax(energy, axis=2)` |
# | $P_o = \tilde P + \beta\,G_{s2v}^\top\tilde S W$ | [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py) | `p_out = p + self.beta_s2v * paddle.matmul(g_s2v, self.s2v(s), transpose_x=True)` |
# | $S_o = \beta'\tilde S + G_{v2s}\tilde P W'$ | [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py) | `s_out = self.beta_v2s * s + paddle.matmul(g_v2s, self.v2s(p))` |
# | $X + \mathrm{BN}(\mathrm{extend}(Z^\top P_o))$ | [graph/ginet.py](../../../../paddleseg_lite/graph/ginet.py) | `y = add(x, self.norm(self.conv_extend(spread)))` |
# | 存在性：类别 m 有像素时 $y_m = 1$ | [losses/presence.py](../../../../paddleseg_lite/losses/presence.py) | `return F.binary_cross_entropy_with_logits(logits.astype("float32"), target)` |
# | $L = L_{ce} + 0.4\,L_{aux} + 0.2\,L_{sc}$ | [docs/course/scripts/train_basic.py](../../scripts/train_basic.py) | `LOSS_WEIGHTS = {"out": 1.0, "aux": 0.4, "presence": 0.2}` |
#
# X：特征图，L：它的像素数；Z：V 个节点的投影图；$\phi$：到 D 个状态通道的 1x1 卷积；P：视觉节点，S：K 个类别节点，带波浪号的是在各自的图里推理之后的状态；$W_q$、$W_k$、W、W'：线性层；$\beta$、$\beta'$：每个节点一个可学习的系数，初值为 0；$y_m$：类别 m 是否出现在图中。
#
# 权重 0.2 是相关代码的惯例；论文自己的取值未能核实。

# %%
lab.figure("docs/course/figures/ginet_nodes_zh.png")

# %%
lab.figure("docs/course/figures/ginet_gates_zh.png")

# %% [markdown]
# *小网络在 Scenes 上训练 150 步之后。左边是 S2V 门控：每个视觉节点（列）选中了一两个类别，节点 11 和 12 选了“car”。V2S 门控则塌缩到一个视觉节点上，存在性对所有类别都回答“有”。这两点都源于数据：几乎每幅场景都包含全部八个类别，回答“有”几乎总是对的，也就没有什么可供选择。类别多而每幅图类别少的数据（ADE20K、PASCAL-Context）才是这个损失的用武之地；实验会造出这样的数据。*

# %% [markdown]
# ## 已发布代码的错误及其表现
#
# * **类别词向量全为零。** PaddleSeg 的 GINet 在该放词向量的地方放了一个冻结的零矩阵。所有类别节点完全相同，语义图不含任何类别信息。
#   表现为交换两个类别的词向量，结果毫无变化：

# %%
import paddle

from paddleseg_lite.graph import GINet


def change_by_swapping_words(style):
    paddle.seed(0)
    unit = GINet(in_channels=8, num_classes=4, num_state=8, num_nodes=3, style=style)
    unit.eval()
    before, words = unit.class_nodes(), unit.class_embeddings
    words.set_value(words.index_select(paddle.to_tensor([1, 0, 2, 3])))
    return float((unit.class_nodes() - before).abs().max())


print(change_by_swapping_words("paper"), change_by_swapping_words("paddleseg"))
assert change_by_swapping_words("paper") > 1e-4 and change_by_swapping_words("paddleseg") == 0

# %% [markdown]
# * **PaddleSeg 没有实现 SC-loss**，V2S 通路的输出也被丢弃。表现为一部分参数没有梯度：

# %%
import paddle

from paddleseg_lite.graph import GINet


def dead(style):
    unit = GINet(in_channels=8, num_classes=4, num_state=8, num_nodes=3, style=style, zero_init=False)
    y, extras = unit(paddle.randn([2, 8, 6, 6]))
    (y.square().sum() + sum(e.square().sum() for e in extras.values())).backward()
    return [name for name, p in unit.named_parameters() if not p.stop_gradient and p.grad is None]


print(dead("paddleseg"))
assert any(name.startswith("v2s") for name in dead("paddleseg")) and not dead("paper")

# %% [markdown]
# 在 `style: paddleseg` 中这两点都原样保留，使 PaddleSeg 的权重能得到与它相同的输出；默认的 style 遵循论文。
#
# * **两个名叫 SC 的损失。** GINet 的语义上下文损失就是上面的存在性损失。PaddleSeg 的 `SemanticConnectivityLoss` 讲的是连通区域，
#   与此无关。

# %% [markdown]
# ## 实验
#
# 页中实验的缩小版。完整的实验和应得的数字在那一页上。

# %%
import day7

answers = {}
answers["ginet"], curve = lab.listen(day7.ask, "ginet", num_epochs=3, num_samples=240)
lab.curves({"ginet": curve})
lab.bars({k: v for k, v in answers["ginet"].items() if k.startswith("right")}, "presence")

# %% [markdown]
# ## 练习
#
# 训练开始时两个 $\beta$ 都是零。证明此时 `P_o` 恰好等于推理后的节点，图像的 logits 与词向量无关，而存在性的 logits 与词向量有关。答案见
# [test_course.py](../../../../tests/docs/test_course.py) 的 `test_day7`。

# %%
# 特征图随词嵌入改变吗？存在性得分呢？
answer = None, None  # 你的答案

# %%
check(7, answer, "zh");

# %% [markdown]
# <details><summary>答案</summary>
#
# `answer = False, True`
#
# </details>
