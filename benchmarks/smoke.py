"""Train two steps, validate and predict with every network, through the tools, as a check of an environment.

``python benchmarks/smoke.py --out docs/results/paddle_versions.md``

Run it with the Python of the environment in question (another Paddle, another
numpy). A section for the environment is written to, or replaced in, the file.
"""

from __future__ import annotations

import argparse
import platform
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from paddleseg_lite.reports import markdown_table  # noqa: E402

SMALL = [
    "train_dataset.num_samples=4",
    "val_dataset.num_samples=2",
    "train_dataset.size=[64,64]",
    "val_dataset.size=[64,64]",
    "batch_size=2",
    "lr_scheduler.warmup_iters=0",
]
TITLE = (
    "# Networks and tools on other versions of Paddle\n\n"
    "Made by `benchmarks/smoke.py`, run once in each environment on a CPU: every network trains two steps, is "
    "validated and predicts a picture, each through its tool.\n"
)


def subjects() -> dict[str, tuple[Path, list[str]]]:
    """Every small recipe, and the networks that have none of their own."""
    configs = ROOT / "configs"
    found = {f"{path.parent.name}/{path.stem}": (path, []) for path in sorted(configs.glob("*/[!_]*_scenes.yml"))}
    fcn, enet, pspnet = (found[f"{name}_scenes"][0] for name in ("fcn/fcn8s", "enet/enet", "pspnet/pspnet"))
    for name in ("FCN32s", "FCN16s"):
        found[name] = (fcn, [f"model.type={name}"])
    found["ENet, style pytorch"] = (enet, ["model.style=pytorch"])
    found["PSPNet on MobileNetV1"] = (pspnet, ["model.backbone={type: MobileNetV1, width: 0.25, output_stride: 8}"])
    return found


def run(*command: str) -> str:
    """An empty string, or the last line of what a failing command said."""
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=600)
    if done.returncode == 0:
        return ""
    return ((done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"])[-1][:200]


def smoke(recipe: Path, opts: list[str], folder: Path) -> dict[str, str]:
    out, pictures = folder / "run", folder / "pictures"
    results = {
        "train": run(
            "tools/train.py",
            "--config",
            str(recipe),
            "--iters",
            "2",
            "--save_dir",
            str(out),
            "--no_vdl",
            "--opts",
            *SMALL,
            *opts,
        )
    }
    if results["train"]:
        return results
    results["val"] = run("tools/val.py", "--model_path", str(out))
    image = next(iter(sorted((out / "samples").rglob("*.png"))), None)
    results["infer"] = (
        run("tools/infer.py", "--model_path", str(out), "--image_path", str(image), "--save_dir", str(pictures))
        if image
        else "no sample picture was written"
    )
    return results


def environment() -> str:
    """Versions that matter, in one line."""
    parts = []
    for name in ("paddlepaddle", "paddlepaddle-gpu", "numpy", "opencv-python", "visualdl"):
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return f"{parts[0]} (Python {platform.python_version()}, {', '.join(parts[1:])})"


def write(path: Path, title: str, body: str) -> None:
    """Put the section into the file, in place of an earlier one of the same title."""
    old = path.read_text(encoding="utf-8") if path.is_file() else TITLE
    sections = [s for s in re.split(r"(?m)^(?=## )", old) if not s.startswith(f"## {title}\n")]
    path.write_text("\n".join(s.rstrip() + "\n" for s in [*sections, f"## {title}\n\n{body}"]), encoding="utf-8")


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", nargs="*", default=[], help="parts of names")
    p.add_argument("--out", help="Markdown file to add a section to")
    args = p.parse_args()
    rows, failed = [], 0
    started = time.monotonic()
    for name, (recipe, opts) in subjects().items():
        if args.only and not any(part in name for part in args.only):
            continue
        with tempfile.TemporaryDirectory() as folder:
            results = smoke(recipe, opts, Path(folder))
        failed += any(results.values())
        rows.append(
            [
                name,
                *(
                    ("ok" if not results[tool] else results[tool]) if tool in results else "-"
                    for tool in ("train", "val", "infer")
                ),
            ]
        )
        print(*rows[-1], sep=" | ", flush=True)
    body = f"{len(rows) - failed} of {len(rows)} pass, in {time.monotonic() - started:.0f} s.\n\n" + markdown_table(
        ["recipe", "train", "val", "infer"], rows
    )
    if args.out:
        write(Path(args.out), environment(), body)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
