"""The studio under load: 20 clients at once, and whether memory stays where it is.

``python benchmarks/studio_load.py --model_path output/unet_scenes [--json FILE]`` starts a studio of its own on a free
port (``pip install -r requirements-studio.txt``).

1. 20 clients (gradio_client), 10 predictions each, all at once: is every one equal to ``predict``?
2. 500 predictions, one after another, of pictures of five sizes: resident memory of the server after each hundred.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

CLIENTS, CALLS, LONG, EVERY = 20, 10, 500, 100
PATIENT = {"timeout": 120}  # seconds; a client gives up after 5 otherwise
SIZES = ((96, 96), (64, 96), (128, 96), (96, 160), (128, 128))


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    p.add_argument("--model_path", required=True, help="a run folder")
    p.add_argument("--calls", type=int, default=LONG, help="predictions one after another")
    p.add_argument("--json", metavar="FILE", help="write the figures there, too")
    args = p.parse_args()
    run = Path(args.model_path).resolve()
    command = [sys.executable, str(ROOT / "tools" / "studio.py"), "--runs", str(run.parent), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        address = next(m[0] for line in server.stdout if (m := re.search(r"http://127\.0\.0\.1:\d+", line)))
        with tempfile.TemporaryDirectory() as folder:
            found = {
                **at_once(address, run, Path(folder)),
                **memory(address, run, Path(folder), server.pid, args.calls),
            }
    finally:
        server.terminate()
        server.wait()
    print(json.dumps(found, indent=1))
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1), encoding="utf-8")


def at_once(address: str, run: Path, folder: Path) -> dict:
    """All clients ask at the same time; each answer is compared with the library's."""
    import numpy as np
    from gradio_client import Client, handle_file

    from paddleseg_lite.data import read_label, write_png
    from paddleseg_lite.inference.predictor import load
    from paddleseg_lite.studio.examples import example

    loaded = load(run)
    expected = {n: loaded.predict(example(f"scene {n}").image).labels for n in range(1, 9)}
    for n in expected:
        write_png(folder / f"scene{n}.png", example(f"scene {n}").image)

    def work(i: int) -> int:
        client = Client(f"{address}/en/", verbose=False, download_files=str(folder / f"got{i}"), httpx_kwargs=PATIENT)
        equal = 0
        for call in range(CALLS):
            n = (i + call) % 8 + 1
            sent = handle_file(str(folder / f"scene{n}.png"))
            ids, _ = client.predict(sent, run.name, "dygraph", "fp32", api_name="/predict")
            equal += int(np.array_equal(read_label(ids), expected[n]))
        return equal

    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        equal = sum(pool.map(work, range(CLIENTS)))
    return {
        "clients": CLIENTS,
        "calls": CLIENTS * CALLS,
        "equal": equal,
        "seconds": round(time.perf_counter() - started, 1),
    }


def memory(address: str, run: Path, folder: Path, pid: int, calls: int) -> dict:
    """Resident MiB of the server after every hundred predictions."""
    import numpy as np
    from gradio_client import Client, handle_file

    from paddleseg_lite.data import write_png

    rng = np.random.default_rng(0)
    for i, size in enumerate(SIZES):
        write_png(folder / f"size{i}.png", rng.integers(0, 255, [*size, 3], np.uint8))
    client = Client(f"{address}/en/", verbose=False, download_files=str(folder / "got"), httpx_kwargs=PATIENT)
    resident = [resident_mib(pid)]
    for call in range(calls):
        sent = handle_file(str(folder / f"size{call % len(SIZES)}.png"))
        client.predict(sent, run.name, "dygraph", "fp32", api_name="/predict")
        if (call + 1) % EVERY == 0:
            resident.append(resident_mib(pid))
    return {"predictions": calls, "resident_mib": resident}


def resident_mib(pid: int) -> float:
    """Of a process, in MiB (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


if __name__ == "__main__":
    main()
