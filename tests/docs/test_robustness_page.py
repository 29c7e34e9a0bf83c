"""The page of guarantees names tests and benchmarks that are there."""

import re

import pytest


def named(root):
    text = (root / "docs" / "robustness.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "`" in line]
    for row in rows:
        commands = re.findall(r"`((?:pytest|python) [^`]*)`", row)
        assert commands, f"a guarantee without its test: {row[:80]}"
        yield from commands


def test_every_test_and_benchmark_of_the_page_exists(root):
    paths = {part for command in named(root) for part in re.findall(r"\S*(?:tests|benchmarks|tools)/\S*", command)}
    assert len(paths) > 40
    missing = [path for path in sorted(paths) if not (root / path).exists()]
    assert not missing


def test_the_chinese_page_has_every_guarantee_with_its_tests(root):
    pages = [(root / "docs" / name).read_text(encoding="utf-8") for name in ("robustness.md", "robustness_zh.md")]
    tables = [[line for line in page.splitlines() if line.startswith("| ") and "`" in line] for page in pages]
    english, chinese = ([re.findall(r"`((?:pytest|python) [^`]*)`", row) for row in table] for table in tables)
    assert english == chinese
    assert all(re.search("[\u4e00-\u9fff]", row) for row in tables[1])


def test_chosen_tests_are_there(root):
    """``-k WORD`` chooses at least one test of the files beside it."""
    for command in named(root):
        word = re.search(r"-k (\w+)", command)
        if word:
            files = [root / path for path in re.findall(r"tests/\S+\.py", command)]
            texts = {file: file.read_text(encoding="utf-8") for file in files}
            assert all(re.search(rf"def test_\w*{word[1]}", text) for text in texts.values()), command


@pytest.mark.parametrize("page", ["fuzz.md", "one_run_a_folder.md", "kill_resume.md"])
def test_results_of_the_page_are_recorded(root, page):
    text = (root / "docs" / "results" / page).read_text(encoding="utf-8")
    assert "python benchmarks/" in text and text.count("|") > 10
