"""The studio under load: 20 clients at once, what it must refuse, and whether memory stays where it is.

``python benchmarks/studio_load.py --model_path output/unet_scenes [--json FILE]`` starts a studio of its own on a free
port (``pip install -r requirements-studio.txt``), with a copy of the run and a link that leads out of its folder.

1. 20 clients (gradio_client), 10 predictions each, all at once: is every one equal to ``predict``?
2. Names and addresses of files outside, links, uploads that are broken or too large: what is answered?
3. 500 predictions, one after another, of pictures of five sizes: resident memory of the server after each hundred, and
   the files it keeps.
"""

from __future__ import annotations

import argparse
import html
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

CLIENTS, CALLS, LONG, EVERY = 20, 10, 500, 100
PATIENT = {"timeout": 300}  # seconds; a client gives up after 5 otherwise
SIZES = ((96, 96), (64, 96), (128, 96), (96, 160), (128, 128))


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    p.add_argument("--model_path", required=True, help="a run folder")
    p.add_argument("--calls", type=int, default=LONG, help="predictions one after another")
    p.add_argument("--json", metavar="FILE", help="write the figures there, too")
    args = p.parse_args()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line a request
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run = shutil.copytree(args.model_path, folder / "library" / "run")
        shutil.copytree(args.model_path, folder / "outside")
        (folder / "library" / "link").symlink_to(folder / "outside")
        with served(folder / "library", folder / "files") as (address, pid):
            found = at_once(address, run, folder)
            before = resident_mib(pid)
            found["refused"] = refused(address, run, folder)
            found["resident_mib_around_refusals"] = [before, resident_mib(pid)]
            found.update(memory(address, run, folder, pid, args.calls))
    print(json.dumps(found, indent=1))
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1), encoding="utf-8")


class served:
    """``with served(library, files) as (address, pid)``: a studio whose own files go below ``files``."""

    def __init__(self, library: Path, files: Path) -> None:
        files.mkdir()
        command = [sys.executable, str(ROOT / "tools" / "studio.py"), "--runs", str(library), "--port", "0"]
        environment = {**os.environ, "TMPDIR": str(files)}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )

    def __enter__(self) -> tuple[str, int]:
        address = next(m[0] for line in self.process.stdout if (m := re.search(r"http://127\.0\.0\.1:\d+", line)))
        return address, self.process.pid

    def __exit__(self, *error) -> None:
        self.process.terminate()
        self.process.wait()


def asker(address: str, folder: Path):
    """A client that keeps what it gets in a folder."""
    from gradio_client import Client

    return Client(f"{address}/en/", verbose=False, download_files=str(folder), httpx_kwargs=PATIENT)


def at_once(address: str, run: Path, folder: Path) -> dict:
    """All clients ask at the same time; each answer is compared with the library's."""
    import numpy as np
    from gradio_client import handle_file

    from paddleseg_lite.data import read_label, write_png
    from paddleseg_lite.inference.predictor import load
    from paddleseg_lite.studio.examples import example

    loaded = load(run)
    expected = {n: loaded.predict(example(f"scene {n}").image).labels for n in range(1, 9)}
    for n in expected:
        write_png(folder / f"scene{n}.png", example(f"scene {n}").image)

    def work(i: int) -> int:
        client, equal = asker(address, folder / f"got{i}"), 0
        for call in range(CALLS):
            n = (i + call) % 8 + 1
            sent = handle_file(str(folder / f"scene{n}.png"))
            ids, _ = client.predict(sent, run.name, "dygraph", "fp32", api_name="/predict")
            equal += int(np.array_equal(read_label(ids), expected[n]))
        return equal

    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        equal = sum(pool.map(work, range(CLIENTS)))
    seconds = round(time.perf_counter() - started, 1)
    return {"clients": CLIENTS, "calls": CLIENTS * CALLS, "equal": equal, "seconds": seconds}


def refused(address: str, run: Path, folder: Path) -> dict[str, str]:
    """What is answered to each thing that must not be taken."""
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError
    from PIL import Image

    good = folder / "scene1.png"
    Image.new("1", (10_000, 10_000)).save(folder / "huge.png")
    (folder / "broken.png").write_bytes(good.read_bytes()[:400])
    (folder / "text.png").write_text("no picture")
    client, told = asker(address, folder / "got"), {}
    asked = [(good, "../outside"), (good, str(run)), (good, "link"), (good, "run/best_model")]
    asked += [(folder / f"{name}.png", run.name) for name in ("huge", "broken", "text")]
    for path, name in asked:
        what = f"upload {path.name}" if path != good else f"network {name.replace(str(folder), '')}"
        try:
            client.predict(handle_file(str(path)), name, "dygraph", "fp32", api_name="/predict")
            told[what] = "ANSWERED"
        except AppError as e:
            told[what] = html.unescape(str(e)).replace(str(folder), "")
    told["upload of 25 MB"] = status(f"{address}/en/gradio_api/upload", announced=25_000_000)
    (run / "link.png").symlink_to(good)
    for path in ("/etc/passwd", "../../../../etc/passwd", "..%2f..%2fetc/passwd", run / "config.yml", run / "link.png"):
        told[f"GET file={str(path).replace(str(folder), '')}"] = status(f"{address}/en/gradio_api/file={path}")
    return told


def status(address: str, announced: int = 0) -> str:
    """Of a GET, or of a POST that announces so many bytes."""
    asked = urllib.request.Request(address)
    if announced:
        asked = urllib.request.Request(address, b"x", {"Content-Length": str(announced)})
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return f"{answer.status} SERVED"
    except urllib.error.HTTPError as e:
        return str(e.code)


def memory(address: str, run: Path, folder: Path, pid: int, calls: int) -> dict:
    """Resident MiB of the server, and MB of its files, after every hundred predictions."""
    import numpy as np
    from gradio_client import handle_file

    from paddleseg_lite.data import write_png

    rng = np.random.default_rng(0)
    for i, size in enumerate(SIZES):
        write_png(folder / f"size{i}.png", rng.integers(0, 255, [*size, 3], np.uint8))
    client = asker(address, folder / "got")
    resident, kept = [resident_mib(pid)], [megabytes(folder / "files")]
    for call in range(calls):
        sent = handle_file(str(folder / f"size{call % len(SIZES)}.png"))
        client.predict(sent, run.name, "dygraph", "fp32", api_name="/predict")
        if (call + 1) % EVERY == 0:
            resident.append(resident_mib(pid))
            kept.append(megabytes(folder / "files"))
    return {"predictions": calls, "resident_mib": resident, "files_mb": kept}


def resident_mib(pid: int) -> float:
    """Of a process, in MiB (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def megabytes(folder: Path) -> float:
    """Of all files below a folder."""
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6, 2)


if __name__ == "__main__":
    main()
