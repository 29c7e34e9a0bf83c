"""Make the notebooks from the pages of the course: ``python docs/course/notebooks/build.py``.

A notebook has the text, the figures and the code of its page, and what labs.py adds:
a lab that trains, and the exercise with a hidden solution and a check. It is written
as ``dayN.ipynb``, without outputs, and as ``dayN.py`` in jupytext's percent format,
which shows in a review what changed. ``--check`` writes nothing and fails where a file
is not what its page gives.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from labs import FORMS, LABS  # noqa: E402

DAYS = range(1, 8)
LINK = re.compile(r"(\]\()(?![a-z]+:|#|/)([^)\s]+)")
CODE = re.compile(r"^```python\n(?P<code>.*?)^```\n|^!\[[^\]]*\]\((?P<picture>[^)\s]+)\)\n", re.M | re.S)
CHINESE = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
BROKEN_CHINESE = re.compile(rf"(?<={CHINESE})\n(?={CHINESE})")  # Markdown would make it a blank
WORDS = {
    "en": {
        "note": "This notebook is the page [{page}]({page}), made to run: from top to bottom in less than three minutes "
        "on two cores. On AI Studio or Colab upload the project's archive (zip) beside it first.",
        "setup": "find the project, install what is missing",
        "lab": "The lab of the page in small. The full one, with the numbers to expect, is on the page.",
        "solution": "Solution",
        "answer": "your answer",
    },
    "zh": {
        "note": "本笔记本就是[{page}]({page})这一页，可以运行：双核机器上从头到尾不到三分钟。在 AI Studio 或 Colab 上，请先把项目的压缩包（zip）"
        "上传到它旁边。",
        "setup": "找到项目，安装缺少的包",
        "lab": "页中实验的缩小版。完整的实验和应得的数字在那一页上。",
        "solution": "答案",
        "answer": "你的答案",
    },
}
SETUP = """import importlib.util
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

set_language("{language}")
paddleseg_lite.setup(seed=0)  # threads, before paddle is imported
import lab
from checks import check

%matplotlib inline"""


def cells(day: int, language: str) -> list[tuple[str, str]]:
    """``("markdown" or "code", text)`` of one notebook."""
    page, words = HERE.parent / language / f"day{day}.md", WORDS[language]
    title, *sections = re.split(r"^(?=## )", page.read_text(encoding="utf-8"), flags=re.M)
    address = f"../../{language}/day{day}.md"
    found = [
        ("markdown", f"{title.splitlines()[0]}\n\n{words['note'].format(page=address)}"),
        ("code", f"# {words['setup']}\n{SETUP.replace('{language}', language)}"),
    ]
    for section in sections:
        heading = section.splitlines()[0]
        if "paddle.fluid" in heading:
            continue
        if heading in ("## Lab", "## 实验"):
            found += [("markdown", f"{heading}\n\n{words['lab']}"), ("code", LABS[day].strip())]
        else:
            found += text_and_code(section)
    comment, form, solution = FORMS[day]
    found += [
        ("code", f"# {comment[language == 'zh']}\nanswer = {form}  # {words['answer']}"),
        ("code", f'check({day}, answer, "{language}");'),
        ("markdown", f"<details><summary>{words['solution']}</summary>\n\n`answer = {solution}`\n\n</details>"),
    ]
    return found


def text_and_code(section: str) -> list[tuple[str, str]]:
    """A section of a page, its Python blocks and pictures as cells; links lead from the notebooks' folder.

    A picture is shown by code, from the project's folder: Colab shows no file that a text names, and a notebook
    that lies beside the archive is not where its page's links begin.
    """
    found, last = [], 0
    section = section.rstrip() + "\n"
    for block in CODE.finditer(section):
        code = block["code"] or f'lab.figure("{in_project(block["picture"])}")'
        found += [("markdown", section[last : block.start()]), ("code", code)]
        last = block.end()
    found.append(("markdown", section[last:]))
    return [
        (
            kind,
            BROKEN_CHINESE.sub("", LINK.sub(lambda m: m[1] + moved(m[2]), text.strip()))
            if kind == "markdown"
            else text.strip(),
        )
        for kind, text in found
        if text.strip()
    ]


def in_project(link: str) -> str:
    """A link of docs/course/en/day1.md as a path from the project's folder."""
    return os.path.normpath(os.path.join("docs/course/en", link)).replace(os.sep, "/")


def moved(link: str) -> str:
    """A link of docs/course/en/day1.md as docs/course/notebooks/en/day1.ipynb has it."""
    return f"../{link}" if link.startswith("../") else f"../../{{language}}/{link}"


def as_ipynb(parts: list[tuple[str, str]]) -> str:
    """The notebook as JSON, format 4.5."""
    body = []
    for number, (kind, text) in enumerate(parts):
        cell = {"cell_type": kind, "id": f"cell-{number:02d}", "metadata": {}, "source": text.splitlines(keepends=True)}
        body.append({**cell, "execution_count": None, "outputs": []} if kind == "code" else cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": body, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def as_percent(parts: list[tuple[str, str]]) -> str:
    """The same in jupytext's percent format."""
    lines = ["# ---", "# jupyter:", "#   jupytext:", "#     formats: ipynb,py:percent", "# ---", ""]
    for kind, text in parts:
        if kind == "markdown":
            lines += ["# %% [markdown]", *(f"# {line}".rstrip() for line in text.splitlines()), ""]
        else:
            magic = (re.sub(r"^%", "# %", line) for line in text.splitlines())
            lines += ["# %%", *magic, ""]
    return "\n".join(lines)


def files() -> dict[Path, str]:
    """Every file and what it should hold."""
    found = {}
    for language in WORDS:
        for day in DAYS:
            parts = [(kind, text.replace("{language}", language)) for kind, text in cells(day, language)]
            found[HERE / language / f"day{day}.ipynb"] = as_ipynb(parts)
            found[HERE / language / f"day{day}.py"] = as_percent(parts)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file differs")
    args = parser.parse_args()
    stale = [p for p, text in files().items() if not p.is_file() or p.read_text(encoding="utf-8") != text]
    if args.check and stale:
        sys.exit(f"run python docs/course/notebooks/build.py: {', '.join(p.name for p in stale)}")
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(files()[path], encoding="utf-8")
    print(f"written: {len(stale)}")


if __name__ == "__main__":
    main()
