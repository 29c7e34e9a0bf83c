"""Notebooks: what the pages give, without outputs; exercises that know right from wrong; they run to their end."""

import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "course" / "notebooks"
SHORT = {"en/day5", "zh/day5"}  # three seconds each, where others take ten and more
NAMES = [f"{language}/day{day}" for language in ("en", "zh") for day in range(1, 8)]


@pytest.fixture(scope="module")
def course():
    """The modules beside the notebooks."""
    sys.path.insert(0, str(FOLDER))
    import build
    import checks
    import labs
    import run

    yield {"build": build, "checks": checks, "labs": labs, "run": run}
    sys.path.remove(str(FOLDER))
    for name in ("build", "checks", "labs", "run"):
        sys.modules.pop(name)


def test_they_are_what_the_pages_give(course):
    files = course["build"].files()
    assert len(files) == 28
    stale = [path.name for path, text in files.items() if path.read_text(encoding="utf-8") != text]
    assert not stale, f"{stale}: run python docs/course/notebooks/build.py"


@pytest.mark.parametrize("name", NAMES)
def test_their_form(name):
    """Valid, without outputs, code that compiles, links to files that exist; the check is the last but one."""
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in notebook["cells"] if cell["cell_type"] == "code")
    for text in code:
        compile(text.replace("%matplotlib inline", ""), name, "exec")
    assert "subprocess" in code[0] and "lab." in "".join(code) and code[-1].startswith("check(")
    from pages import FENCE, LINK

    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            for target in LINK.findall(FENCE.sub("", "".join(cell["source"]))):
                path = target.partition("#")[0]
                if path and "://" not in target:
                    assert (FOLDER / name).parent.joinpath(path).exists(), target


def test_the_solution_is_right_and_others_are_told_what_is_wrong(course, capsys):
    check = course["checks"].check
    for day, (_, form, solution) in course["labs"].FORMS.items():
        assert not check(day, eval(form)) and "in place of None" in capsys.readouterr().out
        assert check(day, eval(solution)) and "Right." in capsys.readouterr().out
    wrong = [
        (1, (0.7475, 0.4975), "other way round"),
        (1, (0.995, 0.7475), "class 0 alone"),
        (2, (25, 0), "n + 19"),
        (3, ([6, 17, 28], range(6, 61, 6)), "from 0"),
        (3, ([5, 16, 27], [6]), "all divide it"),
        (4, ((13, 15, 17), (49, 225, 289), 5), "7 wide"),
        (5, 1 / 8, "Self-loops"),
        (6, (8.59e9, 67.1e6, 4, 4), "its square"),
        (7, (True, True), "beta"),
        (1, "a half", "another form"),
    ]
    for day, answer, said in wrong:
        assert not check(day, answer)
        assert said in capsys.readouterr().out, (day, answer)
    assert not check(5, 1 / 8, "zh") and "自环" in capsys.readouterr().out


@pytest.mark.parametrize("name", [n if n in SHORT else pytest.param(n, marks=pytest.mark.slow) for n in NAMES])
def test_they_run(course, name):
    pytest.importorskip("nbclient", reason="pip install -r requirements-dev.txt")
    used = course["run"].run(FOLDER / f"{name}.ipynb")
    assert used["megabytes"] < 4096
