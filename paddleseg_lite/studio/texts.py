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
