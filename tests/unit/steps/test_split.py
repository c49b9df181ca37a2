"""Laws of the splits: disjoint, complete, none empty, and where promised the same whatever the order of the rows."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from modelyard.errors import ModelyardError
from modelyard.steps.data.split import Shares, by_key, by_time, stratified

HALVES = Shares.of({"train": 0.5, "test": 0.5})
THREE = Shares.of({"train": 0.7, "val": 0.15, "test": 0.15})
keys = st.lists(st.text("abcdefgh0123", min_size=1, max_size=5), min_size=3, max_size=60)


@given(keys, st.integers(0, 5))
def test_a_key_is_never_in_two_splits_and_every_split_has_some(names: list[str], seed: int) -> None:
    assume(len(set(names)) >= 3)
    splits = by_key(names, THREE, seed)
    assert len(splits) == len(names)
    assert set(splits.tolist()) == {0, 1, 2}
    homes = {name: {int(s) for n, s in zip(names, splits, strict=True) if n == name} for name in names}
    assert all(len(home) == 1 for home in homes.values())


@given(st.sets(st.text("abcdefgh0123", min_size=1, max_size=6), min_size=3, max_size=60), st.randoms())
def test_splits_by_hash_do_not_depend_on_the_order(names: set[str], random: object) -> None:
    ordered, shuffled = sorted(names), sorted(names)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = dict(zip(ordered, by_key(ordered, THREE, 0).tolist(), strict=True))
    assert dict(zip(shuffled, by_key(shuffled, THREE, 0).tolist(), strict=True)) == first


def test_a_row_stays_in_its_split_when_others_come() -> None:
    names = [f"row {number}" for number in range(2000)]
    before, after = by_key(names[:1000], THREE, 0), by_key(names, THREE, 0)
    assert (before == after[:1000]).all()
    assert np.bincount(after).tolist() == pytest.approx([1400, 300, 300], abs=60)


def test_another_seed_deals_differently() -> None:
    names = [f"row {number}" for number in range(100)]
    assert (by_key(names, HALVES, 0) != by_key(names, HALVES, 1)).any()


def test_groups_named_as_the_splits_go_where_their_name_says() -> None:
    assert by_key(["test", "train", "val", "train"], THREE, 0).tolist() == [2, 0, 1, 0]


@given(st.lists(st.sampled_from("aaaaabbc"), min_size=3, max_size=80), st.integers(0, 3))
def test_strata_keep_their_shares(strata: list[str], seed: int) -> None:
    splits = stratified(strata, [str(number) for number in range(len(strata))], THREE, seed)
    assert set(splits.tolist()) == {0, 1, 2}
    assert len(splits) == len(strata)
    for stratum, size in Counter(strata).items():
        in_train = sum(1 for s, split in zip(strata, splits, strict=True) if s == stratum and split == 0)
        assert abs(in_train - 0.7 * size) <= 2
    assert abs((splits == 0).sum() - 0.7 * len(strata)) <= 2


def test_many_small_strata_still_give_exact_shares() -> None:
    strata = [f"s{number}" for number in range(1000)]
    assert np.bincount(stratified(strata, strata, THREE, 0)).tolist() == [700, 150, 150]


def test_stratified_does_not_depend_on_the_order() -> None:
    strata, names = ["a", "b", "b", "a", "b", "a", "a", "b"], list("stuvwxyz")
    first = dict(zip(names, stratified(strata, names, HALVES, 0).tolist(), strict=True))
    turned = stratified(strata[::-1], names[::-1], HALVES, 0).tolist()
    assert dict(zip(names[::-1], turned, strict=True)) == first


@given(st.lists(st.integers(0, 40), min_size=3, max_size=100))
def test_by_time_train_lies_before_val_before_test(times: list[int]) -> None:
    assume(len(set(times)) >= 3)
    splits = by_time(np.array(times), THREE)
    parts = [[t for t, s in zip(times, splits, strict=True) if s == number] for number in range(3)]
    assert all(parts)
    assert max(parts[0]) < min(parts[1])
    assert max(parts[1]) < min(parts[2])


def test_by_time_moves_a_border_to_the_nearest_instant() -> None:
    assert by_time(np.array([1, 1, 1, 2, 2, 2, 2, 2, 2, 2]), HALVES).tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("split", [lambda: by_key(["a", "b"], THREE, 0), lambda: by_time(np.array([1, 1, 2]), THREE)])
def test_too_few_to_fill_the_splits_is_told(split: object) -> None:
    with pytest.raises(ModelyardError, match=r"2 different (keys|times) cannot fill 3 splits"):
        split()  # type: ignore[operator]


@pytest.mark.parametrize("fractions", [{"train": 0.5, "test": 0.4}, {"train": 1.0, "test": 0.0}, {}])
def test_shares_are_together_all_and_each_something(fractions: dict[str, float]) -> None:
    with pytest.raises(ModelyardError, match="the shares are"):
        Shares.of(fractions)
