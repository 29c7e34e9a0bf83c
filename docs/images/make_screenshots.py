"""The README's screenshots, of procedural scenes alone:

    python tools/train.py --config quick_start/unet_scenes_shipped --save_dir output/shipped
    python docs/images/make_screenshots.py output/shipped

Writes ``report.png`` (the page of ``val --report`` in Chromium), ``mosaic.png``, ``results.png`` and ``overlay.png``
beside this file, each in 256 colours.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

import paddleseg_lite  # noqa: E402

paddleseg_lite.setup()

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from paddleseg_lite import data  # noqa: E402
from paddleseg_lite.cli.jobs.painter import Painter  # noqa: E402
from paddleseg_lite.inference.predictor import Prediction  # noqa: E402

WIDTH = 960  # pixels
LARGEST = 150_000  # bytes
SCENES = (7, 12)


def save(name: str, picture: Image.Image) -> None:
    """Shrink to ``WIDTH``, reduce to 256 colours (of which the rare ones of legends must be some), write."""
    picture = picture.convert("RGB")
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    path = HERE / f"{name}.png"
    picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path}: {picture.width}x{picture.height}, {size:,} bytes")
    if size > LARGEST:
        raise SystemExit(f"{path} has {size:,} bytes, and {LARGEST:,} are allowed")


def report(run: Path, chromium: str) -> Image.Image:
    """The top of the page that ``val --report`` writes, in a window of 1280 pixels."""
    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder) / "report", Path(folder) / "shot.png"
        shutil.copytree(run / "best_model", Path(folder) / "output" / "shipped" / "best_model")
        tool = [sys.executable, str(HERE.parents[1] / "tools" / "val.py")]
        subprocess.run([*tool, "--model_path", "output/shipped", "--report", "report"], cwd=folder, check=True)
        window = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,1130"]
        subprocess.run([chromium, *window, f"--screenshot={shot}", (page / "index.html").as_uri()], check=True)
        return Image.open(shot).convert("RGB")


def overlay(run: Path) -> Image.Image:
    """Two validation scenes four times as large, with contours and the legend."""
    loaded = paddleseg_lite.load(run)
    scenes = data.Scenes(mode="val", num_samples=100, size=(96, 96))
    painter = Painter(loaded, contours=True, opacity=0.55)
    parts = []
    for i in SCENES:
        image = scenes.read(i)["image"]
        large = cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
        labels = cv2.resize(loaded.predict(image).labels, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
        parts += [painter.added(Prediction(labels, large)), np.full((large.shape[0], 6, 3), 255, np.uint8)]
    key = painter.legend(height=parts[0].shape[0])
    side = np.full((parts[0].shape[0], key.shape[1], 3), 255, np.uint8)
    side[: key.shape[0]] = key
    return Image.fromarray(np.concatenate([*parts, side], axis=1))


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run", type=Path, help="run folder of a training on scenes")
    p.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome") or "chromium")
    args = p.parse_args()
    save("mosaic", Image.open(max(args.run.glob("samples/iter_*.png"))))
    save("results", Image.open(args.run / "results.png"))
    save("overlay", overlay(args.run))
    save("report", report(args.run, args.chromium))


if __name__ == "__main__":
    main()
