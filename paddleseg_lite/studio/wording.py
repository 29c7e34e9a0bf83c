"""Gradio's own words in the language of the page.

Its script asks the browser for a language when it starts, so what answers must stand at the very top of the page, where
nothing that is given to Gradio comes (``head`` is added by that script). A few words it has in English alone.
"""

from __future__ import annotations

import json
from typing import Any

from .texts import LANGUAGES

CODES = {"en": "en-US", "zh": "zh-CN"}
MISSING = {"zh-CN": {"common.complete": "完成", "status.queue_position": "排队中：第 {position} / {size} 位"}}  # keys
ENGLISH_ALONE = {  # words without a key
    "zh": {
        "Capture from camera": "用摄像头拍摄",
        "Click to Access Webcam": "点击以使用摄像头",
        "Download": "下载",
        "Empty value": "空",
        "Exit fullscreen mode": "退出全屏",
        "File upload": "上传文件",
        "Fullscreen": "全屏",
        "More tabs": "更多标签页",
        "Paste from clipboard": "从剪贴板粘贴",
        "Remove Image": "移除图片",
        "Reset to default value": "恢复默认值",
        "Upload file": "上传文件",
        "capture photo": "拍照",
        "select input source": "选择摄像头",
    }
}
SCRIPT = """
for (const [name, value] of [['language', CODE], ['languages', [CODE]]])
  Object.defineProperty(navigator, name, {get: () => value});
document.documentElement.lang = CODE;
const words = new Map(Object.entries(WORDS)), told = ['aria-label', 'title'];
const put = node => {
  if (node.nodeType === Node.TEXT_NODE) {
    const word = words.get(node.data.trim());
    if (word) node.data = word;
  } else if (node.nodeType === Node.ELEMENT_NODE) {
    for (const name of told) {
      const word = words.get(node.getAttribute(name));
      if (word) node.setAttribute(name, word);
    }
    node.childNodes.forEach(put);
  }
};
if (words.size)
  new MutationObserver(seen => seen.forEach(one => (one.type === 'childList' ? [...one.addedNodes] : [one.target])
    .forEach(put))).observe(document, {
      childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: told
    });
"""


def script(language: str) -> bytes:
    """What stands at the top of a page."""
    values = {"CODE": CODES[language], "WORDS": ENGLISH_ALONE.get(language, {})}
    text = SCRIPT
    for name, value in values.items():
        text = text.replace(name, json.dumps(value, ensure_ascii=False))
    return f"<script>(() => {{{text}}})()</script>".encode()


class Wording:
    """ASGI middleware that puts :func:`script` into the pages ``/en/`` and ``/zh/``."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        language = scope.get("path", "").strip("/")
        if scope["type"] != "http" or scope["method"] != "GET" or language not in LANGUAGES:
            await self.app(scope, receive, send)
            return
        start, parts = {}, []

        async def with_script(event: dict) -> None:
            if event["type"] == "http.response.start":
                start.update(event)
                return
            parts.append(event.get("body", b""))
            if not event.get("more_body", False):
                body = b"".join(parts).replace(b"<head>", b"<head>" + script(language), 1)
                headers = [h for h in start["headers"] if h[0].lower() != b"content-length"]
                await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
                await send({"type": "http.response.body", "body": body})

        plain = [h for h in scope["headers"] if h[0] != b"accept-encoding"]  # not compressed: it is to be changed
        await self.app({**scope, "headers": plain}, receive, with_script)
