"""Networks that have learned one look-up: what ``configs/ablation/relation.yml`` starts from.

    python benchmarks/look_up.py [--out output/look_up] [--threads 1]

Each unit of that study with each of its seeds is trained on scenes of kind ``semantic_hard`` for 1,500 steps. A network
that is there is not trained again; one that was begun goes on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from paddleseg_lite.config.reading import read_tree  # noqa: E402

STUDY = ROOT / "configs" / "ablation" / "relation.yml"


def option(key: str, value: object) -> str:
    """``KEY=VALUE`` as ``--opts`` takes it."""
    import yaml

    return f"{key}={yaml.safe_dump(value, default_flow_style=True, width=10**6).strip()}"


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, default=Path("output/look_up"))
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--only", nargs="*", default=[], help="units")
    args = p.parse_args()
    study, _ = read_tree(STUDY)
    for seed in study["seeds"]:
        for unit, changes in study["factors"]["unit"]["values"].items():
            folder = args.out / f"{unit}-{seed}"
            log = folder / "train.log"
            if (args.only and unit not in args.only) or (log.is_file() and "done: best" in log.read_text("utf-8")):
                continue
            options = [option(key, value) for key, value in changes.items() if key != "model.pretrained"]
            command = [
                sys.executable,
                str(ROOT / "tools" / "train.py"),
                "--config",
                str(STUDY.with_name(study["base"])),
            ]
            command += ["--seed", str(seed), "--threads", str(args.threads), "--save_dir", str(folder), "--lang", "en"]
            command += ["--resume_model"] if list(folder.glob("iter_*")) else ["--overwrite", "--no_doctor"]
            subprocess.run([*command, "--opts", *options], check=True, stdout=subprocess.DEVNULL)
            print(f"{unit}, seed {seed}: {log.read_text('utf-8').rstrip().splitlines()[-2:][0][-60:]}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
