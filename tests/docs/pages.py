"""Reading Markdown pages: links, anchors, fenced blocks; and how each command of a page is tried."""

from __future__ import annotations

import re
import shlex
import unicodedata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"(?<!\\)!?\[[^\]]*\]\(([^)\s]+)[^)]*\)")


def pages() -> list[Path]:
    """Every page of the project, as in the repository."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "configs").rglob("*.md")]
    return sorted(p for p in found if ".git" not in p.parts)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """The page without fenced blocks and inline code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text_of(page)))


def links(page: Path) -> list[str]:
    return LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, made as GitHub makes them."""
    found: set[str] = set()
    for title in re.findall(r"^#{1,6} (.+?)\s*$", FENCE.sub("", text_of(page)), re.M):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "").lower()
        kept = (c for c in title if c in " -_" or unicodedata.category(c)[0] in "LN")
        slug = base = "".join(kept).replace(" ", "-")
        number = 0
        while slug in found:
            number += 1
            slug = f"{base}-{number}"
        found.add(slug)
    return found


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(text_of(page)) if kind == language]


def commands(page: Path) -> list[str]:
    """Single commands of the bash blocks: continued lines joined, comments dropped, ``&&`` taken apart."""
    found = []
    for block in blocks(page, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            line = line.partition(" # ")[0].strip()
            if line and not line.startswith("#"):
                found += [part.strip() for part in line.split(" && ")]
    return found


# What happens to a command: the first pattern that is found in it counts.
#   ("skip", why)      not run
#   ("flags", why)     its flags are parsed by the tool itself; not run
#   ("run", extra)     run, with these arguments behind its own to make it short
#   ("train", extra)   the same, and on four small pictures
FOUR_PICTURES = [
    "train_dataset.num_samples=4",
    "val_dataset.num_samples=2",
    "train_dataset.size=[64,64]",
    "val_dataset.size=[64,64]",
    "lr_scheduler.warmup_iters=0",
]
ONE_STEP = "--num_samples 2 --batch_size 2 --num_epochs 1"
SHORT = "--threads 1 --iters 2 --batch_size 2 --save_interval 2 --no_vdl --no_doctor"
ABSENT = r"PATH|more_photos|output/drawn|VOCdevkit|data/|my_labelme|my_data|PaddleSeg/|\.pth|\.pdparams|DIR|FILE"
TREATMENT = [
    (r"^pip install", ("skip", "installs")),
    (r"^paddleseg-lite |^source ", ("skip", "installed: tests/test_front_door.py")),
    (r"^python -m pytest", ("skip", "this test suite")),
    (r"^ruff check", ("skip", "the linter, a step of its own")),
    (r"^visualdl ", ("skip", "a server")),
    (r"^ray start", ("skip", "a cluster: tests/studies/test_cluster.py")),
    (r"^labelme ", ("skip", "a program with a window")),
    (r"^cp more_photos", ("skip", "test_own_data_page.py does it")),
    (r"paddle\.distributed\.launch", ("skip", "two processes: tests/training/test_distributed.py")),
    (r"--device gpu", ("flags", "needs a GPU")),
    (r"^python tools/prepare\.py scenes --output data/scenes$", ("run", "")),
    (r"^python tools/infer\.py --model_path quick_start --image_path data/scenes/images$", ("run", "--threads 1")),
    (r"my_parts\.py", ("flags", "tests/docs/test_extending_page.py")),
    (ABSENT, ("flags", "needs data or weights")),
    (r"^python docs/course/scripts/train_basic\.py", ("run", f"{ONE_STEP} --size 32")),
    (r"^python docs/course/scripts/day1\.py", ("run", ONE_STEP)),
    (r"^python docs/course/scripts/day4\.py", ("run", f"{ONE_STEP} --images 1")),
    (r"^python docs/course/scripts/day5\.py", ("run", "--num_epochs 5")),
    (r"^python docs/course/scripts/day6\.py", ("run", ONE_STEP)),
    (r"^python docs/course/scripts/day7\.py", ("run", ONE_STEP)),
    (r"^python docs/course/figures\.py", ("run", "--only atrous --out figures")),
    (r"^python docs/build_reference\.py", ("run", "--check")),
    (r"^python docs/build_site\.py", ("skip", "the site, a step of .ci/run")),
    (r"^python docs/course/notebooks/build\.py", ("skip", "tests/docs/test_notebooks.py")),
    (r"^python tools/train\.py$", ("train", SHORT)),
    (r"^python tools/train\.py .*_scenes\.yml", ("train", f"{SHORT} --overwrite --save_dir output/other")),
    (r"^python tools/(val|infer)\.py --model_path output/unet_scenes", ("run", "--threads 1")),
    (r"^python tools/summary\.py", ("run", "")),
    (r"^python tools/weights\.py list", ("run", "")),
    (r"^python (tools|benchmarks)/", ("flags", "long, or of another page's test")),
]


def treatment(command: str) -> tuple[str, str] | None:
    """``(kind, what)`` of a command, or None: a command nobody has thought about."""
    return next((what for pattern, what in TREATMENT if re.search(pattern, command)), None)


def arguments(command: str, kind: str, extra: str) -> list[str]:
    """What a script of a page is given: its own arguments, and those that shorten it behind them: the last count."""
    own = shlex.split(command)[2:]
    at = own.index("--opts") if "--opts" in own else len(own)
    opts = own[at:] or (["--opts"] if kind == "train" else [])
    return [*own[:at], *shlex.split(extra), *opts, *(FOUR_PICTURES if kind == "train" else [])]
