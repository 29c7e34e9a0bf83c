"""Answers to the exercises, computed, and what is wrong with another one: ``check(day, answer, language)``."""

from __future__ import annotations

import numpy as np

RIGHT = {"en": "Right.", "zh": "正确。"}
OPEN = {
    "en": "Put your answer in place of None, and run the cell again.",
    "zh": "把 None 换成你的答案，再运行一次这个单元。",
}


def check(day: int, answer, language: str = "en") -> bool:
    """Print what is wrong with an answer; whether it is right."""
    if answer is None or (isinstance(answer, tuple) and any(part is None for part in answer)):
        print(OPEN[language])
        return False
    try:
        wrong = CHECKS[day](answer)
    except (TypeError, ValueError):
        wrong = SHAPE
    print(RIGHT[language] if wrong is None else wrong[0 if language == "en" else 1])
    return wrong is None


SHAPE = ("The answer has another form: see the comment in the cell.", "答案的形式不对：见单元里的注释。")


def close(a, b, tolerance=1e-3) -> bool:
    return abs(float(a) - b) <= tolerance * max(1.0, abs(b))


def day1(answer):
    from paddleseg_lite.metrics import ConfusionMatrix

    first = ConfusionMatrix(2).update(np.zeros(100, int), np.zeros(100, int))
    second = ConfusionMatrix(2).update(np.zeros(100, int), np.r_[np.zeros(99, int), 1])
    images = (first.compute().mIoU + second.compute().mIoU) / 2
    whole = first.merge(second).compute().mIoU
    over_the_set, of_the_images = answer
    if close(over_the_set, 0.995):
        return "0.995 is the IoU of class 0 alone (and nearly pixel accuracy).", "0.995 是类别 0 的 IoU，不是 mIoU。"
    if close(over_the_set, images) and close(of_the_images, whole):
        return "The two numbers are the other way round.", "两个数颠倒了。"
    if not close(over_the_set, whole):
        return (
            "Over the set: add both confusion matrices first. Class 1 has one pixel, and it is missed: its IoU is 0.",
            "整个集合：先把两个混淆矩阵相加。类别 1 只有一个像素而且漏掉了，它的 IoU 是 0。",
        )
    if not close(of_the_images, images):
        return (
            "Mean of the images: in image 1 class 1 occurs nowhere, so it is left out there.",
            "两图的均值：图 1 里类别 1 根本没有出现，所以不计入。",
        )
    return None


def day2(answer):
    def pool5(n, up):
        p = n + 198
        for _ in range(5):
            p = -(-p // 2) if up else p // 2
        return p

    def too_small(n, up):
        p = pool5(n, up)
        return p < 7 or 32 * (p - 6 - 1) + 64 < n + 19

    floor, ceil = (sum(too_small(n, up) for n in range(1, 1201)) for up in (False, True))
    if answer[0] == sum(pool5(n, False) < 7 for n in range(1, 1201)):
        return (
            "These are the sizes too small for fc6. The crop needs more: n + 19 pixels.",
            "这只是 fc6 放不下的尺寸；裁剪还要 n + 19 个像素。",
        )
    if answer[0] != floor:
        return (
            "Floor: p = (n + 198) halved five times, rounded down each time.",
            "向下取整：n + 198 减半五次，每次都向下取整。",
        )
    if answer[1] != ceil:
        return (
            "Ceil: the same, rounded up each time; is anything still too small?",
            "向上取整：每次都向上取整；还有太小的吗？",
        )
    return None


def day3(answer):
    def shared(length, bins):
        starts = [i * length // bins for i in range(bins)]
        stops = [-(-(i + 1) * length // bins) for i in range(bins)]
        return {p for p in range(length) if sum(a <= p < b for a, b in zip(starts, stops)) > 1}

    pixels, lengths = {int(p) for p in answer[0]}, {int(n) for n in answer[1]}
    whole = {n for n in range(6, 61) if not any(shared(n, b) for b in (1, 2, 3, 6))}
    if pixels == {p + 1 for p in shared(33, 6)}:
        return "Count pixels from 0.", "像素从 0 数起。"
    if pixels != shared(33, 6):
        return (
            "Bin i covers floor(33 i / 6) up to, not including, ceil(33 (i + 1) / 6).",
            "第 i 格从 floor(33 i / 6) 到 ceil(33 (i + 1) / 6)（不含）。",
        )
    if lengths != whole:
        return (
            "A length fits if 1, 2, 3 and 6 all divide it; from 6 to 60.",
            "1、2、3、6 都能整除的长度才行；从 6 到 60。",
        )
    return None


def day4(answer):
    def used(rates):
        reached = {0}
        for rate in rates:
            reached = {at + step * rate for at in reached for step in (-1, 0, 1)}
        return len(reached) ** 2  # the same along both axes

    rates = ((2, 2, 2), (1, 2, 4), (1, 2, 5))
    widths, pixels, largest = answer
    if tuple(widths) != tuple(1 + 2 * sum(r) for r in rates):
        return "Width: each layer adds 2 x its rate to 1.", "宽度：从 1 开始，每层加上 2 × 扩张率。"
    if tuple(pixels) != tuple(map(used, rates)):
        return (
            "Used: which offsets -a, 0, a plus -b, 0, b plus -c, 0, c are different? Square their number.",
            "用到的像素：-a、0、a 加 -b、0、b 加 -c、0、c，有多少个不同的和？再平方。",
        )
    if int(largest) != max(c for c in range(1, 20) if used((1, 2, c)) == (1 + 2 * (3 + c)) ** 2):
        return (
            "After (1, 2) the window is 7 wide and full. How far may its copies stand apart?",
            "(1, 2) 之后窗口宽 7 且没有空洞；它的三份副本最多能隔多远？",
        )
    return None


def day5(answer):
    if close(answer, 2 / 16, 1e-4):
        return (
            "Self-loops count: node 0 has degree 3, and all degrees sum to 2 x 8 + 7.",
            "自环也算：节点 0 的度是 3，所有度之和是 2 × 8 + 7。",
        )
    if not close(answer, 3 / 23, 1e-4):
        return (
            "The limit is the node's share of all degrees, self-loops counted.",
            "极限是该节点的度在全部度里的份额，自环计入。",
        )
    return None


def day6(answer):
    from paddleseg_lite.graph import GloRe, NonLocal

    dense, nodes = NonLocal(in_channels=512), GloRe(in_channels=512, num_state=128, num_nodes=64)
    truth = (dense.macs(64, 64), nodes.macs(64, 64), 16, 4)
    words = (
        ("Non-local: two products of L x L x C/2, with L = 64 x 64.", "非局部：两个 L x L x C/2 的乘积，L = 64 x 64。"),
        ("GloRe: gathering and spreading, each S x V x L.", "GloRe：聚合与展开，各 S x V x L。"),
        (
            "Doubling the sides makes L four times as large; non-local goes with its square.",
            "边长加倍，L 变成四倍；非局部与 L 的平方成正比。",
        ),
        ("GloRe goes with L.", "GloRe 与 L 成正比。"),
    )
    return next((word for part, true, word in zip(answer, truth, words) if abs(part - true) > 0.02 * true), None)


def day7(answer):
    import paddle

    from paddleseg_lite.graph import GINet

    paddle.seed(0)
    unit = GINet(in_channels=8, num_classes=4, num_state=8, num_nodes=3, zero_init=False)
    unit.eval()
    x, words = paddle.randn([2, 8, 6, 5]), unit.class_embeddings
    y, extras = unit(x)
    words.set_value(words.index_select(paddle.to_tensor([1, 2, 3, 0])))
    y2, extras2 = unit(x)
    moved = [float((a - b).abs().max()) for a, b in ((y, y2), (extras["presence"], extras2["presence"]))]
    print(f"max |change|: map {moved[0]:.2e}, presence {moved[1]:.2e}")
    if bool(answer[0]) != (moved[0] > 0):
        return (
            "Both beta are zero: what of the class nodes is left in P_o?",
            "两个 beta 都是 0：P_o 里还剩下多少类别节点的内容？",
        )
    if bool(answer[1]) != (moved[1] > 0):
        return "The presence logits are read from the class nodes themselves.", "存在性得分是从类别节点本身读出来的。"
    return None


CHECKS = {1: day1, 2: day2, 3: day3, 4: day4, 5: day5, 6: day6, 7: day7}
