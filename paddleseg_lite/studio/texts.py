"""What the page says, in English and Chinese. Messages of errors are those of the whole project, in English."""

from __future__ import annotations

from ..errors import ConfigError

LANGUAGES = {"en": "English", "zh": "中文"}

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("paddleseg_lite studio", "paddleseg_lite 工作室"),
    "promise": ("Everything stays on this computer.", "一切都留在这台电脑上。"),
    "refresh": ("Look for new runs", "查找新的训练结果"),
    "cannot": ("This does not work", "无法完成"),
    "fault": (
        "A fault of the studio. The terminal it was started in says more.",
        "工作室内部出错，启动它的终端里有详细信息。",
    ),
    "no_networks": (
        "There is no trained network yet. The tab Train makes one in one to two minutes.",
        "还没有训练好的网络。在“训练”页一两分钟就能得到一个。",
    ),
    # Try
    "try": ("Try", "试一试"),
    "picture": ("Picture", "图片"),
    "example": ("Example", "示例"),
    "network": ("Run or deployment", "训练结果或部署"),
    "backend": ("Computed by", "计算后端"),
    "precision": ("Precision", "精度"),
    "segment": ("Segment", "分割"),
    "result": ("Result", "结果"),
    "view": ("View", "显示"),
    "overlay": ("overlay", "叠加"),
    "classes": ("classes", "类别"),
    "confidence": ("confidence", "置信度"),
    "opacity": ("Opacity", "不透明度"),
    "lines": ("Outlines", "轮廓线"),
    "shown": ("Classes shown", "显示的类别"),
    "areas": ("Areas", "面积"),
    "class": ("class", "类别"),
    "pixels": ("pixels", "像素"),
    "share": ("share", "占比"),
    "timing": (
        "{ms:.1f} ms by {backend}, {width} x {height} pixels",
        "{backend}，{ms:.1f} 毫秒，{width} x {height} 像素",
    ),
    "confidence_note": ("black: not sure, white: sure; mean {mean:.1f} %", "黑：不确定，白：确定；平均 {mean:.1f} %"),
    "files": ("Make files", "生成文件"),
    "take_away": ("Class ids, overlay, polygons (labelme)", "类别编号图、叠加图、多边形（labelme）"),
    # Compare
    "compare": ("Compare", "对比"),
    "first": ("First", "第一个"),
    "second": ("Second", "第二个"),
    "source": ("Picture from", "图片来源"),
    "from_upload": ("upload or example", "上传或示例"),
    "from_validation": ("validation set of the first", "第一个网络的验证集"),
    "from_report": ("the worst of a report", "报告中最差的图片"),
    "number": ("Number", "编号"),
    "report": ("Validation report (val --report)", "验证报告（val --report）"),
    "previous": ("Previous", "上一张"),
    "next": ("Next", "下一张"),
    "do_compare": ("Compare", "对比"),
    "truth": ("Label", "标签"),
    "difference": ("Where they differ", "不同之处"),
    "worst_told": ("{rank} of {count}: {name}, mIoU {miou:.3f}", "第 {rank} / {count} 张：{name}，mIoU {miou:.3f}"),
    "difference_key": (
        "With a label: blue: only the first is right; orange: only the second; red: both are wrong. "
        "Without: pink: they differ.",
        "有标签时：蓝：只有第一个对；橙：只有第二个对；红：都错。无标签时：粉：两者不同。",
    ),
    "fact_differ": ("pixels on which they differ", "两者不同的像素"),
    "fact_only_first": ("only the first is right", "只有第一个对"),
    "fact_only_second": ("only the second is right", "只有第二个对"),
    "fact_both_wrong": ("both are wrong", "都错"),
    "fact_right_first": ("first: pixels right", "第一个：正确的像素"),
    "fact_right_second": ("second: pixels right", "第二个：正确的像素"),
    "fact_miou_first": ("first: mIoU of this picture", "第一个：此图的 mIoU"),
    "fact_miou_second": ("second: mIoU of this picture", "第二个：此图的 mIoU"),
    # Look inside
    "inside": ("Look inside", "看内部"),
    "open_picture": ("Show the picture", "显示图片"),
    "click_here": ("Click on a pixel", "点击一个像素"),
    "pixel_told": ("pixel ({x}, {y}): {name}, {percent:.1f} %", "像素 ({x}, {y})：{name}，{percent:.1f} %"),
    "no_pixel": ("No pixel has been clicked on yet.", "还没有点击像素。"),
    "probabilities": ("Class probabilities", "类别概率"),
    "probability": ("probability", "概率"),
    "field": ("Effective receptive field", "有效感受野"),
    "field_told": (
        "Gradient of the score of {name} by the picture: half of it lies within {r50} pixels, 90 % within {r90}, 99 % "
        "within {r99}.",
        "“{name}”的得分对图片的梯度：一半在 {r50} 像素以内，90 % 在 {r90} 以内，99 % 在 {r99} 以内。",
    ),
    "field_none": (
        "The score of {name} does not hang on the picture here: its gradient is zero everywhere.",
        "这里“{name}”的得分与图片无关：处处梯度为零。",
    ),
    "pyramid": ("Pyramid: bins and branches that fed the pixel", "金字塔：为该像素供给信息的格子与分支"),
    "no_pyramid": ("This network has no pyramid (PSPNet, ASPP).", "这个网络没有金字塔（PSPNet、ASPP）。"),
    "no_unit": (
        "It has no unit with nodes or attention: `--opts model.context={type: GloRe}` trains one.",
        "它没有带节点或注意力的单元：用 `--opts model.context={type: GloRe}` 训练一个。",
    ),
    "branch": ("branch", "分支"),
    "without_it": ("{name} without it", "关掉后的“{name}”"),
    "becomes": ("becomes", "变为"),
    "reasoning": ("Nodes and attention", "节点与注意力"),
    "unit": ("Unit {unit} with {count} nodes", "单元 {unit}，{count} 个节点"),
    "node": ("node", "节点"),
    "holds": ("holds of the pixel", "占该像素"),
    "node_maps": ("What the nodes that hold the pixel look at", "占有该像素的节点在看什么"),
    "adjacency": ("What they take in from other nodes", "它们从其他节点取得的信息"),
    "switch_off": ("Switch off", "关掉"),
    "nodes_off": ("Nodes, e.g. 3, 5", "节点，例如 3, 5"),
    "edges_off": ("Edges to<from, e.g. 3<5", "边 到<自，例如 3<5"),
    "what_if": ("Compute without them", "关掉后重新计算"),
    "what_if_told": (
        "Pixel ({x}, {y}): {before} {p_before:.1f} % becomes {after} {p_after:.1f} %. {changed:.2f} % of the picture's "
        "pixels change their class.",
        "像素 ({x}, {y})：{before} {p_before:.1f} % 变为 {after} {p_after:.1f} %。"
        "全图 {changed:.2f} % 的像素改变类别。",
    ),
    "before_after": ("Before and after", "之前与之后"),
    # Train
    "train": ("Train", "训练"),
    "recipe": ("Recipe", "配方"),
    "minutes": ("Minutes (0: as the recipe says)", "分钟（0：按配方）"),
    "name": ("Name of the run", "训练名称"),
    "start": ("Start", "开始"),
    "stop": ("Stop politely (save, then end)", "礼貌地停止（保存后结束）"),
    "withdraw": ("Withdraw the waiting one", "撤回等待中的训练"),
    "watch": ("Watch", "观看"),
    "log": ("Log", "日志"),
    "samples": ("Samples of the last validation", "上次验证的样例"),
    "curves": ("Curves", "曲线"),
    "state_preparing": ("preparing", "准备中"),
    "state_training": ("training", "训练中"),
    "state_ended": ("ended", "已结束"),
    "state_stopped": ("stopped before its end", "提前停止"),
    "job_running": ("{name} ({recipe}) is running.", "{name}（{recipe}）正在训练。"),
    "job_stopping": ("{name} is finishing its step and saving.", "{name} 正在完成当前步并保存。"),
    "job_waiting": ("{name} ({recipe}) waits.", "{name}（{recipe}）在等待。"),
    "job_failed": ("{name} ended with status {status}: {errors}", "{name} 以状态 {status} 结束：{errors}"),
    "job_none": ("Nothing is training that was started here.", "这里启动的训练都已结束。"),
    "watched": (
        "**{state}**, step {iteration} of {total}; loss {loss}; mIoU {miou}, best {best}; {rate} pictures/s; "
        "{eta} left",
        "**{state}**，第 {iteration} / {total} 步；损失 {loss}；mIoU {miou}，最佳 {best}；{rate} 张/秒；剩余 {eta}",
    ),
    # Runs and studies
    "runs": ("Runs and studies", "训练与研究"),
    "all_runs": ("Runs", "训练结果"),
    "column_name": ("run", "训练"),
    "column_network": ("network", "网络"),
    "column_data": ("data", "数据"),
    "column_iteration": ("step", "步"),
    "column_best": ("best mIoU", "最佳 mIoU"),
    "column_last": ("last mIoU", "最后 mIoU"),
    "column_changed": ("changed", "修改时间"),
    "chosen": ("Runs to lay side by side", "并列的训练"),
    "lay": ("Curves and what differs in the recipes", "曲线与配方差异"),
    "no_difference": ("The recipes do not differ.", "配方没有差异。"),
    "confusion": ("Confusion matrix on validation pictures (at most 100)", "验证图片上的混淆矩阵（至多 100 张）"),
    "confusion_told": (
        "{images} pictures, mIoU {miou:.4f}, pixels right {right:.4f}",
        "{images} 张图片，mIoU {miou:.4f}，正确像素 {right:.4f}",
    ),
    "study": ("Study", "研究"),
    "show_study": ("Show the study", "显示研究"),
    "intervals": ("Every seed with the means; intervals of the differences", "每个种子及均值；差异的区间"),
    "class_map": ("IoU of each class against the baseline", "各类别 IoU 与基线之差"),
}


class Texts:
    """Texts of one language: ``say("title")``, ``say("timing", ms=3.2, ...)``."""

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise ConfigError(f"the studio does not speak '{language}': {', '.join(LANGUAGES)}.")
        self.language = language
        self._index = list(LANGUAGES).index(language)

    def __call__(self, key: str, **values: object) -> str:
        return TEXTS[key][self._index].format(**values) if values else TEXTS[key][self._index]


def preferred(accept_language: str) -> str:
    """The language a browser asks for first (its ``Accept-Language``), of those there are; English otherwise."""
    wishes = []
    for position, part in enumerate(accept_language.split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            wishes.append((-float(weight or 1), position, tag.lower()))
        except ValueError:
            continue
    for _, _, tag in sorted(wishes):
        if tag.split("-")[0] in LANGUAGES:
            return tag.split("-")[0]
    return "en"
