"""The sampler is a pure function of the iteration."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_lite.data import BatchSampler, sample_rng
from paddleseg_lite.errors import ConfigError, DataError

SIZES = st.tuples(st.integers(1, 60), st.integers(1, 9), st.integers(1, 3), st.integers(0, 2**32 - 1))


@settings(max_examples=150, deadline=None)
@given(SIZES, st.booleans())
def test_an_epoch_holds_every_sample_once(sizes, shuffle):
    n, batch, world, seed = sizes
    ranks = [BatchSampler(n, batch, seed=seed, shuffle=shuffle, rank=r, world_size=world) for r in range(world)]
    per_epoch = ranks[0].batches_per_epoch
    assert per_epoch == max(1, n // (batch * world))
    taken = [pair for i in range(3 * per_epoch) for r in ranks for pair in r.batch(i)]
    assert all(len(r.batch(i)) == batch for r in ranks for i in range(per_epoch))
    assert len(taken) == len(set(taken))  # never the same sample with the same random numbers
    by_epoch = {e: [i for f, i in taken if f == e] for e in {e for e, _ in taken}}
    for indices in by_epoch.values():
        assert set(indices) <= set(range(n)) and max(Counter(indices).values()) == 1
    if not ranks[0].repeats:
        assert all(len(v) == per_epoch * batch * world for v in by_epoch.values())
        if shuffle and n > 12:
            assert by_epoch[0] != by_epoch[1] != by_epoch[2]


@settings(max_examples=100, deadline=None)
@given(SIZES, st.integers(0, 500))
def test_any_iteration_can_be_asked_for_first(sizes, iteration):
    n, batch, world, seed = sizes
    used = BatchSampler(n, batch, seed=seed, rank=world - 1, world_size=world)
    for i in range(0, iteration, 7):
        used.batch(i)
    fresh = BatchSampler(n, batch, seed=seed, rank=world - 1, world_size=world)
    assert used.batch(iteration) == fresh.batch(iteration)


@settings(max_examples=100, deadline=None)
@given(SIZES, st.integers(0, 40))
def test_processes_together_see_what_one_would(sizes, iteration):
    n, batch, world, seed = sizes
    one = BatchSampler(n, batch * world, seed=seed)
    many = [BatchSampler(n, batch, seed=seed, rank=r, world_size=world).batch(iteration) for r in range(world)]
    assert [pair for part in many for pair in part] == one.batch(iteration)


@settings(max_examples=100, deadline=None)
@given(SIZES)
def test_last_batch_kept(sizes):
    n, batch, world, seed = sizes
    ranks = [BatchSampler(n, batch, seed=seed, drop_last=False, rank=r, world_size=world) for r in range(world)]
    if ranks[0].repeats:
        return
    per_epoch = -(-n // (batch * world))
    assert ranks[0].batches_per_epoch == per_epoch
    seen = Counter()
    for i in range(per_epoch):
        sizes = {len(r.batch(i)) for r in ranks}
        assert len(sizes) == 1 and 1 <= sizes.pop() <= batch  # every process works equally long
        seen.update(index for r in ranks for _, index in r.batch(i))
    assert set(seen) == set(range(n)) and sum(seen.values()) - n < world


def test_small_sets_are_repeated():
    sampler = BatchSampler(3, 8, seed=0)
    assert sampler.repeats and sampler.batches_per_epoch == 1
    pairs = [p for i in range(6) for p in sampler.batch(i)]
    assert Counter(i for _, i in pairs) == {0: 16, 1: 16, 2: 16} and pairs[-1][0] == 15
    assert sampler.epoch(3) == 8


def test_order_and_seed():
    assert [i for _, i in BatchSampler(6, 3, seed=5, shuffle=False).batch(1)] == [3, 4, 5]
    assert BatchSampler(50, 10, seed=1).batch(0) != BatchSampler(50, 10, seed=2).batch(0)
    assert BatchSampler(50, 10, seed=1).epoch(12) == 2.4


def test_sample_rng():
    draws = {sample_rng(*key).random() for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]}
    assert len(draws) == 4 and sample_rng(3, 4, 5).random() == sample_rng(3, 4, 5).random()


def test_bad_arguments():
    with pytest.raises(DataError, match="training set is empty"):
        BatchSampler(0, 4, seed=0)
    with pytest.raises(ConfigError, match="batch_size is a positive integer, but got 0"):
        BatchSampler(4, 0, seed=0)
    with pytest.raises(ValueError, match="rank 2 of 2"):
        BatchSampler(4, 2, seed=0, rank=2, world_size=2)
    with pytest.raises(ValueError, match="negative"):
        BatchSampler(4, 2, seed=0).batch(-1)


def test_the_former_name():
    from paddleseg_lite import data

    assert data.BatchSchedule is BatchSampler
