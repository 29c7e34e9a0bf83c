"""Small runs to look at, each two steps old."""

import pytest
from studio_runs import CONTEXT, SCENES, UNET, recipe, with_unit


@pytest.fixture(scope="session")
def output(tmp_path_factory):
    """A folder of runs: two UNets."""
    from paddleseg_lite.cli.jobs.train import run_training

    folder = tmp_path_factory.mktemp("studio") / "output"
    for name, seed in (("unet_a", 1), ("unet_b", 2)):
        config = recipe(UNET, SCENES)
        config.seed = seed
        assert run_training(config, name=name, save_dir=str(folder / name), use_vdl=False, doctor=False) == 0
    return folder


@pytest.fixture(scope="session")
def unit_run(tmp_path_factory):
    """``unit_run("glore")``: a loaded network with that unit, made when first asked for."""
    from paddleseg_lite.inference.predictor import load
    from paddleseg_lite.training.trainer import Trainer

    made = {}

    def of(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            Trainer(recipe(with_unit(name), CONTEXT), folder).run()
            made[name] = load(folder)
        return made[name]

    return of


@pytest.fixture
def desk(output):
    """What is behind a page, tidied up afterwards."""
    from paddleseg_lite.studio.desk import Desk

    made = Desk([output])
    yield made
    made.close()
