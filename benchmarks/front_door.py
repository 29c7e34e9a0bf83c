"""The wheel in a fresh environment, and in an empty folder every command of the README, in both languages.

    python benchmarks/front_door.py --work build/front_door --out docs/results/front_door.md

Builds the wheel, installs it with ``[cpu]`` into a new virtual environment, makes photos (``photos.py``), runs what
stands in the README's blocks as the installed program (``python tools/train.py`` is ``paddleseg-lite train``), then
``train --data`` on folders of seven layouts with ``val --report`` and ``infer`` after each. The quick start is
trained whole once (``--short``: not even once); other trainings take 20 iterations.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests/docs"), str(ROOT / "tests/interop/prepare")]

from pages import blocks, commands  # noqa: E402

READMES = {"en": (ROOT / "README.md", "en_US.UTF-8"), "zh": (ROOT / "README_zh.md", "zh_CN.UTF-8")}
CHECKOUT = r"^pip install -r requirements-|^python -m pytest|^python docs/"
INSTALL = r"^pip install (-r requirements\.txt|\"?\.\[cpu\]\"?)$"
PROMISED = (
    *(f"output/unet_scenes/{name}" for name in ("config.yml", "metrics.jsonl", "best_model", "results.png", "vdl")),
    *("output/unet_scenes/samples", "output/infer/added_prediction", "data/scenes/images", "network.svg"),
    *(f"output/my_labelme/{name}" for name in ("recipe.yml", "best_model", "report/index.html", "data/preview.png")),
)


@dataclass
class Row:
    """One command, what it took, and what was wrong (empty: nothing)."""

    where: str
    command: str
    seconds: float
    wrong: str


def installed(command: str, *, whole: bool) -> list[str] | None:
    """A README's command as the installed program's, shortened; None: one of a checkout, or pip's.

    Raises:
        ValueError: a command that nobody has thought about.
    """
    if re.search(CHECKOUT, command) or re.search(INSTALL, command):
        return None
    words = shlex.split(command)
    if words[0] == "python" and re.fullmatch(r"tools/\w+\.py", words[1]):
        words = ["paddleseg-lite", Path(words[1]).stem, *words[2:]]
    if words[0] not in ("paddleseg-lite", "visualdl"):
        raise ValueError(f"{command}: not known what this is in an installed environment.")
    if words[1] == "train" and (len(words) > 2 or not whole):
        lengths = {"--minutes", "--iters"}
        kept = [w for i, w in enumerate(words[2:], 2) if w not in lengths and words[i - 1] not in lengths]
        words = [*words[:2], "--iters", "20", *kept]
    return words


class Environment:
    """A fresh virtual environment with the wheel.

    Args:
        folder: for wheel, environment and the folders that commands run in.
    """

    def __init__(self, folder: Path):
        self.folder, self.rows = folder, []
        self.bin = folder / "venv" / "bin"

    def call(self, words: list[str], cwd: Path, where: str, *, locale: str = "C.UTF-8", shown: str = "") -> str:
        """Run a command with the environment's programs first; a row, and what it printed."""
        own = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "LANGUAGE", "LC_ALL")}
        own.update(PATH=f"{self.bin}{os.pathsep}{own['PATH']}", LANG=locale)
        started = time.monotonic()
        done = subprocess.run(words, cwd=cwd, env=own, capture_output=True, text=True, encoding="utf-8")
        said = (done.stderr or done.stdout).strip().splitlines() or [""]
        wrong = "" if done.returncode == 0 else f"status {done.returncode}: {said[-1][:200]}"
        self.add(where, shown or shlex.join(words), time.monotonic() - started, wrong)
        return done.stdout + done.stderr

    def add(self, where: str, command: str, seconds: float, wrong: str) -> None:
        self.rows.append(Row(where, command, seconds, wrong))
        print(f"{seconds:6.1f} s  {where}: {command}  {wrong}", flush=True)

    def build(self) -> None:
        """Wheel from what is under version control, environment, installation."""
        source, here = self.folder / "source", self.folder
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                (source / name).write_bytes((ROOT / name).read_bytes())
        build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(here), str(source)]
        self.call(build, here, "install", shown="python -m build --wheel")
        self.call([sys.executable, "-m", "venv", str(here / "venv")], here, "install", shown="python -m venv venv")
        wheel = next(here.glob("*.whl"))
        pip = [str(self.bin / "python"), "-m", "pip", "install", "--quiet", f"{wheel}[cpu]"]
        self.call(pip, here, "install", shown=f'pip install "{wheel.name}[cpu]"')

    def served(self, words: list[str], cwd: Path, where: str) -> None:
        """``visualdl``: start it, read its page, end it."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        address = f"http://127.0.0.1:{port}/app/index"
        page = urllib.request.Request(address, headers={"Accept-Language": "en"})  # a browser's: it fails without
        started, wrong = time.monotonic(), "no page within 60 s"
        own = {**os.environ, "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}"}
        command = [str(self.bin / words[0]), *words[1:], "--port", str(port)]
        with open(self.folder / "visualdl.txt", "wb") as log:
            server = subprocess.Popen(command, cwd=cwd, env=own, stdout=log, stderr=log)
        try:
            while wrong and time.monotonic() - started < 60 and server.poll() is None:
                try:
                    with urllib.request.urlopen(page, timeout=5) as answer:
                        wrong = "" if b"VisualDL" in answer.read() else "not VisualDL's page"
                except OSError:
                    time.sleep(0.5)
        finally:
            server.terminate()
            server.wait(20)
        self.add(where, shlex.join(words), time.monotonic() - started, wrong)


def readme(env: Environment, language: str, *, whole: bool) -> None:
    """All commands of a README and its Python block, in an empty folder but for photos."""
    import photos

    page, locale = READMES[language]
    here = env.folder / f"empty_{language}"
    photos.write_photos(here / "my_labelme", range(1, 9), annotated=True)
    picture = photos.write_photos(here / "my_photos", range(101, 103), annotated=False)[0]
    picture.rename(picture.with_name("street.png"))  # as the README calls it; what is in it counts
    for command in commands(page):
        words = installed(command, whole=whole)
        if words is None:
            continue
        if words[0] == "visualdl":
            env.served(words, here, page.name)
        else:
            env.call(words, here, page.name, locale=locale)
    for block in blocks(page, "python"):
        env.call(["python", "-c", block], here, page.name, locale=locale, shown="the Python block")
    missing = [name for name in PROMISED if not (here / name).exists()]
    env.add(page.name, "what it promises is there", 0.0, f"missing: {', '.join(missing)}" if missing else "")


def is_photo(path: Path) -> bool:
    """Whether a picture has colours: labels have one channel."""
    import cv2

    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED).ndim == 3


def layouts(env: Environment) -> None:
    """One line on own data of each layout, its report, and a prediction."""
    from folders import LAYOUTS

    here = env.folder / "layouts"
    for name, make in LAYOUTS.items():
        make(here / name)
        run, program = f"output/{name}", ["paddleseg-lite"]
        pictures = next(p for p in sorted((here / name).rglob("*.[pj][np]g")) if is_photo(p))
        env.call([*program, "train", "--data", name, "--iters", "20"], here, name)
        env.call([*program, "val", "--model_path", run, "--report", f"{run}/report"], here, name)
        infer = [*program, "infer", "--model_path", run, "--image_path", str(pictures.parent.relative_to(here))]
        env.call([*infer, "--save_dir", f"drawn/{name}"], here, name)


def walk(folder: Path, *, short: bool = False) -> list[Row]:
    """Everything; the rows."""
    env = Environment(folder)
    env.build()
    if not any(row.wrong for row in env.rows):
        for language in READMES:
            readme(env, language, whole=language == "en" and not short)
        layouts(env)
    return env.rows


def page_of(rows: list[Row], machine: str) -> str:
    """The recorded page."""
    from paddleseg_lite.reports import markdown_table

    bad = sum(bool(row.wrong) for row in rows)
    body = [[row.where, f"`{row.command}`", f"{row.seconds:.0f}", row.wrong or "ok"] for row in rows]
    return (
        "# The front door: every command of the README, from the wheel\n\n"
        "Made by `python benchmarks/front_door.py`: the wheel in a fresh virtual environment, and in empty folders outside "
        "a checkout the commands of `README.md` and `README_zh.md` as the installed program's (the Chinese ones with a "
        "Chinese locale), then `train --data`, `val --report` and `infer` on seven layouts that are made for it. "
        "Trainings with `--iters 20` are shortened. Commands of a checkout (tests, the site) are `.ci/run`'s. "
        f"{machine}\n\n{len(rows) - bad} of {len(rows)} as promised, in "
        f"{sum(row.seconds for row in rows) / 60:.0f} minutes.\n\n"
        + markdown_table(["where", "command", "seconds", "outcome"], body)
    )


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", type=Path, required=True, help="folder to make, outside the checkout")
    p.add_argument("--out", type=Path, help="Markdown file")
    p.add_argument("--machine", default="", help="a sentence on the machine, for the page")
    p.add_argument("--short", action="store_true", help="20 iterations of the quick start, too")
    args = p.parse_args()
    args.work.mkdir(parents=True)
    rows = walk(args.work.resolve(), short=args.short)
    if args.out:
        args.out.write_text(page_of(rows, args.machine), encoding="utf-8")
    return 1 if any(row.wrong for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
