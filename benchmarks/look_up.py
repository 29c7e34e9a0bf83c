"""Networks that have learned one look-up: what ``configs/ablation/relation.yml`` starts from.

    python benchmarks/look_up.py [--out output/look_up] [--threads 1]

Each unit of that study with each of its seeds is trained on scenes of kind ``semantic_hard`` for 1,500 steps. A network
that is there is not trained again; one that was begun goes on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.named_runs import finished, training  # noqa: E402
from paddleseg_lite.config.reading import read_tree  # noqa: E402

STUDY = ROOT / "configs" / "ablation" / "relation.yml"


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
            if (args.only and unit not in args.only) or finished(folder):
                continue
            command = training(folder, STUDY.with_name(study["base"]), seed=seed, threads=args.threads)
            changed = [f"{key}={json.dumps(value)}" for key, value in changes.items() if key != "model.pretrained"]
            subprocess.run([*command, "--no_doctor", "--opts", *changed], check=True, stdout=subprocess.DEVNULL)
            log = folder / "train.log"
            print(f"{unit}, seed {seed}: {log.read_text('utf-8').rstrip().splitlines()[-2:][0][-60:]}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
