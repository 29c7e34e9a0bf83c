"""Dealing pictures out: shares are kept, groups stay whole, classes reach every part where they can."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.interop.prepare.dealing import check_ratio, deal, groups_of


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=30), st.integers(0, 9))
def test_every_picture_once_and_groups_whole(sizes, seed):
    numbers = iter(range(sum(sizes)))
    groups = [[next(numbers) for _ in range(size)] for size in sizes]
    parts = deal(groups, [0.8, 0.1, 0.1], seed=seed)
    assert sorted(i for part in parts for i in part) == list(range(sum(sizes)))
    assert all(any(set(group) <= set(part) for part in parts) for group in groups)
    assert parts == deal(groups, [0.8, 0.1, 0.1], seed=seed)


def test_single_pictures_give_exact_shares():
    assert [len(p) for p in deal([[i] for i in range(50)], [8, 1, 1])] == [40, 5, 5]
    assert [len(p) for p in deal([[i] for i in range(4)], [1, 0])] == [4, 0]
    assert deal([[i] for i in range(50)], [1, 1], seed=1) != deal([[i] for i in range(50)], [1, 1], seed=2)


def test_a_rare_class_reaches_both_parts():
    classes = [{0, 1} if i in (3, 17) else {0} for i in range(40)]
    for seed in range(10):
        for part in deal([[i] for i in range(40)], [0.8, 0.2], seed=seed, classes=classes):
            assert {3, 17} & set(part)


def test_pictures_that_all_look_alike_are_cut_by_name(monkeypatch):
    monkeypatch.setattr("paddleseg_lite.interop.prepare.dealing.alike", lambda paths: [list(range(len(paths)))])
    groups, notes = groups_of([Path(f"{i:02d}.png") for i in range(20)], [0.8, 0.2])
    assert groups == [list(range(i, i + 4)) for i in range(0, 20, 4)] and "in the order of their names" in notes[1]


@pytest.mark.parametrize("ratio", [[1], [0, 1], [1, -1], [1, 1, 1, 1], [float("nan"), 1], [float("inf"), 1]])
def test_shares_that_are_none(ratio):
    with pytest.raises(ConfigError, match="--ratio is two or three shares"):
        check_ratio(ratio)
