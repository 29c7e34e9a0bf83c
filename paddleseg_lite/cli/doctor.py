"""Find what is wrong before training: ``python tools/doctor.py --config my.yml``."""

from __future__ import annotations

from pathlib import Path

from ..files import make_folder, write_json
from ..outputs import json_with, refuse_inputs, refuse_others
from . import common as cli


def build_parser():
    p = cli.parser(__doc__)
    cli.add_config_flags(p, description="name of a recipe, or a YAML file; the quick start's unless given")
    p.add_argument("--batch_size", type=int, help="sets batch_size")
    p.add_argument("--num_workers", type=int, help="sets num_workers")
    p.add_argument("--json", metavar="FILE", help="write all facts and findings here")
    p.add_argument("--no_dry_run", action="store_true", help="look at the data only")
    p.add_argument("--no_cache", action="store_true", help="read every file again")
    return p


def main(argv=None):
    args = build_parser().parse_args(argv)
    cli.start(args)
    from ..config.recipes import QUICK_START

    args.config = args.config or QUICK_START
    if args.json:
        refuse_inputs([args.json], cli.files_read(args), "--json")
        refuse_others(args.json, json_with("verdict", "findings"), "--json")
        make_folder(Path(args.json).parent)
    config = cli.read_config(args, {"batch_size": args.batch_size, "num_workers": args.num_workers})

    from ..doctor import diagnose
    from ..doctor.account import account

    diagnosis = diagnose(config, dry_run=not args.no_dry_run, use_cache=not args.no_cache)
    print(account(diagnosis.facts))
    print(diagnosis.text())
    if args.json:
        write_json(Path(args.json), diagnosis.to_dict())
    return 0 if diagnosis.ok else 2
