"""Small runs to look at, each two steps old; pages in a browser."""

import shutil

import pytest
from browsing import PATIENCE, SIZES
from served import CHROMIUM, studio
from studio_runs import CONTEXT, SCENES, UNET, recipe, with_unit


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder of runs, two UNets, that nobody writes to."""
    from paddleseg_lite.cli.jobs.train import run_training

    folder = tmp_path_factory.mktemp("studio") / "output"
    for name, seed in (("unet_a", 1), ("unet_b", 2)):
        config = recipe(UNET, SCENES)
        config.seed = seed
        assert run_training(config, name=name, save_dir=str(folder / name), use_vdl=False, doctor=False) == 0
    return folder


@pytest.fixture(scope="module")
def output(trained, tmp_path_factory):
    """A copy of it for the tests of one file."""
    return shutil.copytree(trained, tmp_path_factory.mktemp("runs") / "output")


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


@pytest.fixture(scope="module")
def served(output):
    """The address of a studio over ``output``."""
    from paddleseg_lite.studio.desk import Desk

    desk = Desk([output])
    with studio(desk) as address:
        yield address
    desk.close()


@pytest.fixture(scope="module")
def browser():
    """Chromium with a camera that shows a test picture."""
    from playwright.sync_api import sync_playwright

    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *camera])
        yield made
        made.close()


@pytest.fixture
def opened(browser, served):
    """``opened("zh", "phone")``: a page; afterwards, what it has asked for was ours, and it had no script error."""
    asked, faults, contexts = [], [], []

    def of(language, size="desktop", permissions=()):
        width, height = SIZES[size]
        shape = {"width": width, "height": height}
        context = browser.new_context(viewport=shape, locale="de-DE", permissions=list(permissions))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{served}/{language}/")
        page.wait_for_selector("#segment")
        return page

    yield of
    for context in contexts:
        context.close()
    assert asked
    assert [url for url in asked if not url.startswith((served, "data:", "blob:"))] == []
    assert faults == []
