"""A grey picture of 16384 x 16384 pixels and 16 bits: what reading takes, and what a folder makes of it where memory is short.

    python benchmarks/large_picture.py --model_path output/run

It is read in a process of its own, whose peak is compared with the decoded size. Then ``tools/infer.py`` gets a folder
with it and two small pictures, and less memory than reading takes: it must be reported, and the others done.
"""

from __future__ import annotations

import argparse
import resource
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def write_large(path: Path, side: int) -> None:
    """A grey PNG of 16 bits, row by row."""
    packer, row = zlib.compressobj(1), np.arange(side) // 64
    chunks = [struct.pack(">IIBBBBB", side, side, 16, 0, 0, 0, 0)]
    with path.open("wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n")
        _chunk(f, b"IHDR", chunks[0])
        for i in range(side):
            _chunk(f, b"IDAT", packer.compress(b"\0" + (row + i // 64).astype(">u2").tobytes()))
        _chunk(f, b"IDAT", packer.flush())
        _chunk(f, b"IEND", b"")


def _chunk(file, kind: bytes, body: bytes) -> None:
    if body or kind == b"IEND":
        file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))


READ = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from paddleseg_lite.data import read_image
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
shape = read_image(sys.argv[1], 1).shape
print(*shape, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main(argv=None) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model_path", required=True, help="run folder of a small network")
    p.add_argument("--side", type=int, default=16384, help="pixels a side")
    p.add_argument("--limit_gib", type=float, default=3.0, help="address space of the tool")
    args = p.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        pictures, out = Path(folder, "in"), Path(folder, "out")
        pictures.mkdir()
        small = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        for name in ("a", "z"):
            (pictures / f"{name}.png").write_bytes(cv2.imencode(".png", small)[1].tobytes())
        write_large(pictures / "large.png", args.side)
        told = subprocess.run(
            [sys.executable, "-c", READ, str(pictures / "large.png"), str(ROOT)], stdout=subprocess.PIPE, check=True
        ).stdout.split()
        height, width, _, before, after = map(int, told)
        decoded = height * width * 2 / 2**20
        print(f"read: {width} x {height}, {decoded:.0f} MiB decoded, peak {(after - before) / 1024:.0f} MiB above the "
              f"process's own {before / 1024:.0f} ({(after - before) / 1024 / decoded:.1f} times)", flush=True)  # fmt: skip
        command = [sys.executable, str(ROOT / "tools" / "infer.py"), "--model_path", args.model_path, "--image_path",
                   str(pictures), "--save_dir", str(out), "--backend", "dygraph", "--device", "cpu"]  # fmt: skip
        most = int(args.limit_gib * 2**30)
        done = subprocess.run(
            command, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        found = sorted({p.stem for p in out.rglob("*.png")})
        lines = [line for line in done.stdout.splitlines() if "large.png" in line or "done" in line]
        print(f"infer with {args.limit_gib:g} GiB: status {done.returncode}, pictures done {found}", *lines, sep="\n")
    return 0 if {"a", "z"} <= set(found) and done.returncode == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
