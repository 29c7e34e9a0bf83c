"""Pages that cannot rot: links, anchors, quoted lines, commands, code blocks, flags, generated reference."""

from __future__ import annotations

import csv
import importlib
import re
import runpy
import shlex
import sys
from contextlib import nullcontext

import pytest

sys.path.insert(0, __file__.rpartition("/")[0])
from pages import ROOT, anchors, arguments, blocks, commands, links, pages, prose, text_of, treatment

from paddleseg_lite.errors import EnvironmentProblem
from tests.export.conftest import PADDLE_3  # its programs are what the other backends are made from

PAGES = pages()
NAMES = [p.relative_to(ROOT).as_posix() for p in PAGES]
TWO_LANGUAGES = [(p, p.parents[1] / "zh" / p.name) for p in PAGES if p.parent.name == "en"] + [
    (ROOT / "README.md", ROOT / "README_zh.md"),
    (ROOT / "docs" / "migration.md", ROOT / "docs" / "migration_zh.md"),
    (ROOT / "docs" / "weights.md", ROOT / "docs" / "weights_zh.md"),
    (ROOT / "docs" / "own_data.md", ROOT / "docs" / "own_data_zh.md"),
    *((ROOT / "docs" / f"{n}.md", ROOT / "docs" / f"{n}_zh.md") for n in ("faq", "networks", "recipes", "hardware")),
    (ROOT / "docs" / "glossary.md", ROOT / "docs" / "glossary_zh.md"),
    (ROOT / "docs" / "extending.md", ROOT / "docs" / "extending_zh.md"),
    (ROOT / "docs" / "distributed.md", ROOT / "docs" / "distributed_zh.md"),
    (ROOT / "docs" / "architecture.md", ROOT / "docs" / "architecture_zh.md"),
    (ROOT / "docs" / "distributed_studies.md", ROOT / "docs" / "distributed_studies_zh.md"),
]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_relative_links_and_anchors_resolve(page):
    broken = []
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("pair", TWO_LANGUAGES, ids=lambda pair: pair[0].relative_to(ROOT).as_posix())
def test_both_languages_say_the_same(pair):
    """Equal code and commands, equal pictures, as many headings, and the numbers of one are in the other."""
    english, chinese = pair
    assert blocks(english, "python") == blocks(chinese, "python")
    assert commands(english) == commands(chinese)
    pictures = [[t.replace("_zh.", ".") for t in links(p) if t.endswith((".png", ".svg"))] for p in pair]
    assert pictures[0] == pictures[1]
    heads = [re.findall(r"^(#+) ", text_of(p), re.M) for p in pair]
    assert heads[0] == heads[1]
    code = [sorted(set(re.findall(r"\| `([^`\n]+)`", text_of(p)))) for p in pair]
    assert [c for c in code[0] if re.search(r"[=(]", c)] == [c for c in code[1] if re.search(r"[=(]", c)]
    decimals = [set(re.findall(r"\d+\.\d+", prose(p))) for p in pair]
    assert decimals[0] == decimals[1]


@pytest.mark.parametrize("page", [p for p in PAGES if p.name.startswith("day")], ids=lambda p: "/".join(p.parts[-2:]))
def test_course_quotes_lines_that_exist(page):
    """A row ``| equation | [file](link) | `line` |`` quotes a statement of that file, however its lines are broken."""
    rows = re.findall(r"^\|.*\| \[[^\]]+\]\(([^)]+)\) \| `(.+?)`(?: .*|：.*)?\|$", text_of(page), re.M)
    assert len(rows) >= 5
    for link, line in rows:
        assert unbroken(line) in unbroken(text_of(page.parent / link)), f"{link} has no line {line!r}"
    answer = f"test_{page.stem}"
    assert answer in text_of(page) and f"def {answer}(" in text_of(ROOT / "tests" / "docs" / "test_course.py")
    assert re.search(r"docs/course/scripts/\w+\.py", text_of(page)) and "scripts/" in "".join(links(page))


def unbroken(code: str) -> str:
    """Code without the blanks and line ends that a formatter decides on."""
    return re.sub(r"\s+", "", code)


@pytest.mark.parametrize("name", ["docs/networks.md", "docs/networks_zh.md"])
def test_model_table_tells_what_summary_computes(name):
    from paddleseg_lite.cli.jobs.summary import describe

    rows = re.findall(r"^\| [^|]+ \| `(\w+)` \| ([\d.]+) M \| ([\d.]+) \|", text_of(ROOT / name), re.M)
    assert len(rows) == 17
    for kind, millions, gmacs in rows if name == "docs/networks.md" else []:
        result = describe(model=kind, num_classes=21)
        places = len(millions.partition(".")[2])
        assert f"{result.eval_parameters / 1e6:.{places}f}" == millions, kind
        assert f"{result.gmacs:.1f}" == gmacs, kind
    give_back_memory()


def test_python_blocks_run(monkeypatch, runs):
    """Every Python block of every page, once; those of the README find the run that its commands made."""
    monkeypatch.chdir(runs)
    leave_the_process_alone(monkeypatch)
    done: set[str] = set()
    for page in PAGES:
        names = {"__name__": "page"}  # a later block of a page may use what an earlier one made
        for block in blocks(page, "python") if page.stem.removesuffix("_zh") != "extending" else ():  # its own test
            if block not in done:
                done.add(block)
                traced = "to_onnx" in block and not PADDLE_3
                with pytest.raises(EnvironmentProblem, match="needs Paddle 3") if traced else nullcontext():
                    exec(compile(block, f"{page.name} block {len(done)}", "exec"), names)
        if len(names) > 2:  # something has run
            names.clear()
            give_back_memory()
    assert len(done) >= 10


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder that looks like a checkout, with a photo, in which the commands of all pages have been run in order."""
    import cv2
    import numpy as np

    folder = tmp_path_factory.mktemp("checkout")
    for name in ("tools", "configs", "docs", "benchmarks"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "my_photos").mkdir()
    photo = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / "my_photos" / "street.png"), photo)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        leave_the_process_alone(patch)
        run_commands(patch)
    give_back_memory()
    return folder


def give_back_memory() -> None:
    """What networks of full size have taken, before the next ones come."""
    import gc

    from paddleseg_lite import runtime
    from paddleseg_lite.accel import primitive

    primitive.clear()
    gc.collect()
    runtime.give_back_memory()


def leave_the_process_alone(patch) -> None:
    """Undo afterwards what a tool or script may do to its own process: paths, log handlers; no malloc tuning."""
    import logging

    from paddleseg_lite import runtime

    logger = logging.getLogger("paddleseg_lite")
    patch.setattr(logger, "handlers", [*logger.handlers])
    patch.setattr(logger, "level", logger.level)
    patch.setattr(sys, "path", [*sys.path])
    patch.setattr(runtime, "tune_allocator", lambda: False)


def run_commands(patch) -> None:
    """Run, or parse, each command once; README first."""
    done: set[str] = set()
    for page in sorted(PAGES, key=lambda p: p.name != "README.md" or p.parent != ROOT):
        for command in commands(page):
            kind, what = treatment(command) or (None, None)
            if command in done or kind in (None, "skip"):
                continue
            done.add(command)
            program, script = shlex.split(command)[:2]
            assert program == "python" and (ROOT / script).is_file(), f"{page.name}: {command}: no such script"
            if kind == "flags" or (re.search("--backend (openvino|onnxruntime)", command) and not PADDLE_3):
                parse(ROOT / script, shlex.split(command)[2:], command)
                continue
            patch.setattr(sys, "argv", [script, *arguments(command, kind, what)])
            try:
                runpy.run_path(str(ROOT / script), run_name="__main__")
            except SystemExit as end:
                assert end.code in (None, 0), f"{page.name}: {command}: status {end.code}"


def parse(script, arguments, command) -> None:
    """The tool's own parser accepts the arguments; a benchmark without one must at least exist."""
    if script.parent.name != "tools":
        return
    module = importlib.import_module(f"paddleseg_lite.cli.{script.stem}")
    try:
        module.build_parser().parse_args(arguments)
    except SystemExit as end:
        raise AssertionError(f"{command}: flags are not accepted") from end


def test_commands_of_all_pages_run(runs):
    """The fixture ran them; what the README promises is there."""
    run = runs / "output" / "unet_scenes"
    for name in ("config.yml", "metrics.jsonl", "best_model", "samples"):
        assert (run / name).exists(), name
    assert list((runs / "output" / "infer").rglob("*.png"))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_is_accounted_for(page):
    assert not [c for c in commands(page) if treatment(c) is None]


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if p.parts[-2] in ("en", "zh") or p.stem in ("README", "README_zh", "migration", "migration_zh")],
    ids=lambda p: p.relative_to(ROOT).as_posix(),
)
def test_flags_and_files_named_in_pages_exist(page):
    """``--flags`` are known to some tool or script, and paths in code of the project exist."""
    sources = []
    for pattern in ("paddleseg_lite/cli/*.py", "benchmarks/*.py", "docs/*.py", "docs/course/**/*.py"):
        sources += ROOT.glob(pattern)
    known = {w for s in sources for w in re.findall(r"[\"'](?:--)?([a-z][\w-]+)[\"']", text_of(s))}
    foreign = {
        "profiler_options",
        "repeats",
        "to_static_training",
        "data_format",
        "nproc_per_node",
        "backend",
        "gpus",
        "logdir",
    }
    inline = re.findall(r"`([^`\n]+)`", text_of(page))
    for code in inline:
        for flag in re.findall(r"(?<![\w-])--([a-z][\w-]*)", code):
            assert flag in known | foreign, f"{code}: no tool has --{flag}"
        for path in re.findall(r"(?<![\w/.])((?:tools|configs|docs|tests|benchmarks)/[\w./-]+)", code):
            assert (ROOT / path).exists() or "my_data" in path, f"{code}: {path} does not exist"


FOREIGN = re.compile(r"fluid|paddle\.|F\.|paddlepaddle|x\.numpy|.*\.(py|txt|json|yml|jsonl)$")
ELSEWHERE = {"Pool2D", "set_dict", "load_dygraph", "SemanticConnectivityLoss", "freeze_backbone_bn", "reduce_max"}


def test_names_in_pages_exist():
    """A name in inline code of course, READMEs and migration pages is a word of sources, recipes or scripts."""
    words = {"test_day" + str(day) for day in range(1, 8)}
    for pattern in ("paddleseg_lite/**/*.py", "tools/*.py", "configs/**/*.yml", "docs/course/**/*.py"):
        for source in ROOT.glob(pattern):
            words |= set(re.findall(r"\w+", text_of(source)))
    own = [p for p in PAGES if p.parts[-2] in ("en", "zh") or p.stem in ("README_zh", "migration", "migration_zh")]
    missing, seen = [], 0
    for page in [ROOT / "README.md", *own]:
        for name in re.findall(r"(?<!`)`([A-Za-z_][\w.]*)`(?!`)", text_of(page)):
            if FOREIGN.match(name) or name in ELSEWHERE or not re.search(r"_|[a-z][A-Z]|\.", name):
                continue
            seen += 1
            if not set(name.split(".")) <= words:
                missing.append((page.name, name))
    assert seen > 50 and not missing


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_recipes_in_pages_load(page, tmp_path):
    """A YAML block with a model is a whole recipe, as if it stood in configs/."""
    from paddleseg_lite.config import load_config

    (tmp_path / "_base_").symlink_to(ROOT / "configs" / "_base_")
    for block in blocks(page, "yaml") if page.stem.removesuffix("_zh") != "extending" else ():  # its own test
        if re.search(r"^model:", block, re.M) and re.search(r"^(train_dataset|_base_):", block, re.M):
            (tmp_path / "my_data.yml").write_text(block, encoding="utf-8")
            assert load_config(tmp_path / "my_data.yml").model["type"]


@pytest.mark.parametrize("name", ["docs/networks.md", "docs/networks_zh.md"])
def test_model_table_has_the_figures_of_the_camvid_table(name):
    with open(ROOT / "docs" / "results" / "camvid.csv", encoding="utf-8") as file:
        found = {(row["recipe"].split("/")[0], row["part"]): float(row["mIoU"]) for row in csv.DictReader(file)}
    kinds = {"FCN8s": "fcn", "GCUNet": "gcunet", "DeepLabV3P": "deeplab_v3plus", "DeepLabV3": "deeplab_v3"}
    rows = re.findall(r"^\| [^|]+ \| `(\w+)` \|.*\| ([\d.]+)(?: \(([\d.]+)\))? \|$", text_of(ROOT / name), re.M)
    assert len(rows) == len({recipe for recipe, _ in found})
    for kind, val, street in rows:
        recipe = kinds.get(kind, kind.lower())
        assert val == f"{100 * found[recipe, 'all']:.1f}", kind
        assert street == (f"{100 * found[recipe, 'held_out']:.1f}" if (recipe, "held_out") in found else ""), kind


def test_reference_is_up_to_date():
    spec = importlib.util.spec_from_file_location("build_reference", ROOT / "docs" / "build_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, text in module.pages().items():
        assert text_of(module.OUT / name) == text, f"{name}: run python docs/build_reference.py"


def test_the_parts_page_lists_what_is_registered():
    """The page is made without importing anything: that it misses none is tested here."""
    from tests.contracts.found import REGISTRIES, names

    listed = set(re.findall(r"^\| \[(\w+)\]", text_of(ROOT / "docs" / "reference" / "parts.md"), re.M))
    registered = {name for registry in REGISTRIES.values() for name in names(registry)}
    assert listed == registered - {"sgd", "momentum", "adam", "adamw", "rmsprop"}  # PaddleSeg's names for the same


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_number_is_filled_in(page):
    """What a script is to put in ({{name}}) has been put in."""
    assert re.findall(r"\{\{.*?\}\}", prose(page)) == []


def test_contributing_names_every_room():
    text = text_of(ROOT / "CONTRIBUTING.md")
    rooms = sorted(p.parent.name for p in (ROOT / "paddleseg_lite").glob("*/__init__.py"))
    named = {
        name for cell in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, re.M) for name in re.findall(r"\w+", cell)
    }
    assert sorted(named) == rooms
