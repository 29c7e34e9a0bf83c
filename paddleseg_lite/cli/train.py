"""Train a network: ``python tools/train.py --config configs/quick_start/unet_scenes.yml``."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigError
from . import common as cli
from .tolerated import add_tolerated, tell_tolerated

# flags that set the config key of the same name
KEYS = {
    "iters": int, "epochs": int, "batch_size": int, "save_interval": int, "log_iters": int, "num_workers": int,
    "seed": int, "precision": str, "amp_level": str, "cpu_accel": str, "keep_checkpoint_max": int,
    "early_stop_intervals": int, "accumulate": int, "nan_policy": str, "cache": str,
}  # fmt: skip


def build_parser():
    p = cli.parser(__doc__)
    cli.add_config_flags(
        p, description="name of a recipe, or a YAML file; default: that of the run to resume, else the quick start's"
    )
    p.add_argument(
        "--data", metavar="FOLDER", help="own data, its layout recognised: makes the recipe and trains on it"
    )
    p.add_argument(
        "--minutes", type=float, help="how long to train; default: as the recipe says, with --data 10, on a GPU 60"
    )
    for name, kind in KEYS.items():
        p.add_argument(f"--{name}", type=kind, help=f"sets {name}")
    p.add_argument("--learning_rate", type=float, help="sets lr_scheduler.learning_rate")
    p.add_argument("--save_dir", help="run folder; default: output/<config name>")
    p.add_argument("--overwrite", action="store_true", help="start anew in a run folder that holds a run")
    p.add_argument("--resume_model", nargs="?", const=True, help="go on from this checkpoint, or from the newest")
    p.add_argument("--use_ema", action="store_true", default=None, help="average the weights, validate the average")
    p.add_argument("--do_eval", action="store_true", default=None, help="validate while training (the default)")
    p.add_argument("--no_eval", action="store_true", help="do not validate while training")
    p.add_argument("--use_vdl", action="store_true", help="log to VisualDL (the default; --no_vdl turns it off)")
    p.add_argument("--no_vdl", action="store_true", help="do not log to VisualDL")
    p.add_argument("--no_doctor", action="store_true", help="do not examine recipe and data first")
    p.add_argument("--profile", metavar="START:STOP", help="profile these iterations into the run folder")
    add_tolerated(p, "data_format", "repeats", "to_static_training", "profiler_options")
    return p


def check_data_flags(args) -> None:
    """``--data`` brings its own recipe, and a length is said once.

    Raises:
        ConfigError: another recipe is named, or two lengths.
    """
    if args.minutes is not None and (args.iters is not None or args.epochs is not None):
        raise ConfigError("--minutes goes without --iters and --epochs: both say how long.")
    if args.iters is not None and args.epochs is not None:
        raise ConfigError("--iters goes without --epochs: both say how long.")
    if args.minutes is not None and args.resume_model:
        raise ConfigError("--minutes is for a new run: one that goes on keeps its length (or takes --iters).")
    if args.data and (args.config or args.resume_model):
        other = "--config" if args.config else "--resume_model"
        raise ConfigError(f"--data makes a recipe of its own, so not with {other}: leave one of them out.")


def choose_recipe(args):
    """Recipe and run folder: as told, else those of the run to resume, else the quick start's."""
    from ..config.recipes import QUICK_START

    if not args.resume_model:
        return args.config or QUICK_START, args.save_dir
    if args.resume_model is not True and any(Path(args.resume_model).glob("iter_*")):
        args.save_dir, args.resume_model = args.save_dir or args.resume_model, True  # a run folder: its newest
    if args.resume_model is True:
        run = Path(args.save_dir or Path("output") / run_name(args.config or QUICK_START))
    elif not Path(args.resume_model).exists():
        raise ConfigError(
            f"--resume_model {args.resume_model}: there is no such checkpoint folder. Give the iter_N folder of a run, "
            "or its run folder."
        )
    else:
        run = Path(args.resume_model).parent
    kept = run / "config.yml"
    return args.config or str(kept if kept.is_file() else QUICK_START), args.save_dir or str(run)


def run_name(recipe: str | Path) -> str:
    """What the run of a recipe is called: as the file, or as its folder where that is ``recipe.yml``."""
    path = Path(recipe)
    return path.absolute().parent.name if path.stem == "recipe" else path.stem


def main(argv=None):
    args = build_parser().parse_args(argv)
    tell_tolerated(args)
    check_data_flags(args)
    args.config, args.save_dir = choose_recipe(args)
    overrides = {name: getattr(args, name) for name in (*KEYS, "use_ema", "do_eval")}
    overrides["lr_scheduler.learning_rate"] = args.learning_rate
    if args.no_eval:
        overrides["do_eval"] = False
    if args.save_dir is not None:
        from ..training.run_lock import refuse_busy

        refuse_busy(args.save_dir)
    settled = cli.start(args)
    if args.data:
        from .jobs.own_data import own_recipe

        recipe, folder = own_recipe(
            args.data,
            save_dir=args.save_dir,
            overwrite=args.overwrite,
            minutes=args.minutes,
            iters=args.iters,
            gpu=settled.device.startswith("gpu"),
        )
        args.config, args.save_dir = str(recipe), str(folder)
    config = cli.read_config(args, overrides)
    if args.minutes is not None and not args.data:
        from .jobs.minutes import length_in_minutes

        config = cli.read_config(args, {**overrides, **length_in_minutes(config, args.minutes)})

    from .jobs.train import run_training

    return run_training(
        config,
        save_dir=args.save_dir,
        name=run_name(args.config),
        resume=args.resume_model,
        overwrite=args.overwrite,
        use_vdl=not args.no_vdl,
        profile=args.profile,
        doctor=not args.no_doctor,
        environment=cli.environment(settled),
        protected=cli.files_read(args),
    )
