"""Caps of known area, codes of known capacity, sets of known extent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ortho_group

from repviz.errors import InputError
from repviz.facespace.bounds import uniform_near, volume_near
from repviz.facespace.capacity import capacity, log_cap_share
from repviz.facespace.extent import local_directions, near_volume

K = 12


def codes(people: int = 60, each: int = 4, noise: float = 0.3, seed: int = 0) -> np.ndarray:
    """Codes around people whose directions are spread evenly over the sphere."""
    rng = np.random.default_rng(seed)
    who = np.repeat(rng.normal(size=(people, K)), each, axis=0)
    return np.asarray(who + noise * rng.normal(size=who.shape))


def names(people: int = 60, each: int = 4) -> np.ndarray:
    return np.repeat([f"p{i:03}" for i in range(people)], each)


def by_rate(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index("false_accept_rate")


# ---- truth --------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 3, 7.5, 64, 4096])
def test_a_hemisphere_is_half_of_the_sphere(d: float) -> None:
    shares = np.exp(log_cap_share([0, np.pi / 2, np.pi], d))
    assert shares == pytest.approx([0, 0.5, 1], abs=1e-12)


def test_in_three_dimensions_the_area_is_that_of_archimedes() -> None:
    angles = np.linspace(0, np.pi, 19)
    assert np.exp(log_cap_share(angles, 3)) == pytest.approx((1 - np.cos(angles)) / 2)
    assert np.exp(log_cap_share(angles, 2)) == pytest.approx(angles / np.pi)


def test_a_cap_below_the_smallest_number_has_its_logarithm() -> None:
    # mpmath 1.3, 50 digits: log(betainc(4095/2, 1/2, 0, sin(angle)^2, regularized=True) / 2)
    truth = [-9440.985986936991, -4996.911061155422, -711.2750662329258]
    assert log_cap_share([0.1, 0.3, 1.0], 4096) == pytest.approx(truth, rel=1e-12)


def test_directions_spread_evenly_have_a_cap_of_the_false_accept_rate() -> None:
    people, each = 500, 2
    table = capacity(codes(people, each), names(people, each), centre=np.zeros(K))
    for row in table.itertuples():
        shares = np.exp(log_cap_share(np.radians([row.threshold_low, row.threshold_high]), K))
        assert shares[0] < row.false_accept_rate < shares[1]
        spanned = log_cap_share(np.radians(row.span + row.threshold / 2), K) / np.log(10)
        # The capacity is the spanned share of the sphere divided by the rate.
        truth = spanned - np.log10(row.false_accept_rate)
        assert row.log10_capacity_low < truth < row.log10_capacity_high
        assert row.log10_capacity_high - row.log10_capacity_low < 0.2
        assert row.accepted == int(row.false_accept_rate * row.pairs)
    assert table["log10_even"].tolist() == pytest.approx([1, 2, 3])
    assert (10 ** table["log10_stylegan3"]).tolist() == pytest.approx([562, 17_960, 1_430_000])


def test_the_shares_are_those_that_counting_gives() -> None:
    X, people = codes(noise=1.0), names()
    row = by_rate(capacity(X, people)).loc[0.1]
    unit = X - X.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    angles = np.degrees(np.arccos(np.clip(unit @ unit.T, -1, 1)))
    same = people[:, None] == people
    upper = np.triu(np.ones_like(same), 1).astype(bool)
    within = angles <= row["threshold"] + 1e-9
    assert row["pairs"] == (upper & ~same).sum()
    assert row["accepted"] == (upper & ~same & within).sum()
    assert row["genuine_pairs"] == (upper & same).sum()
    assert row["genuine_share"] == pytest.approx((upper & same & within).sum() / 360)
    assert row["span"] == pytest.approx(np.quantile(angles.max(axis=1), 0.95) / 2)


def test_of_so_many_people_one_pair_is_expected_to_be_confused() -> None:
    table = capacity(codes(), names())
    for row in table.itertuples():
        n, rate = row.random_people, row.false_accept_rate
        assert (n - 1) * (n - 2) / 2 * rate < 1 <= n * (n - 1) / 2 * rate


def test_a_plane_has_two_directions_around_each_point() -> None:
    rng = np.random.default_rng(0)
    plane = rng.uniform(size=(300, 2)) @ rng.normal(size=(2, 50))
    table = local_directions(plane, nearest=[16, 32])
    assert table["directions"].tolist() == pytest.approx([2, 2], abs=0.15)
    assert table["share"].tolist() == pytest.approx([2 / 50, 2 / 50], abs=0.003)
    assert table["directions_most"].tolist() == [15, 31]


def test_isotropic_points_vary_in_as_many_directions_as_their_null() -> None:
    table = local_directions(np.random.default_rng(1).normal(size=(120, 2000)))
    nearest = table["directions"] - table["directions_isotropic"]
    assert nearest.abs().max() < 0.6
    assert (table["directions"] <= table["directions_most"]).all()


def test_the_volume_near_one_point_is_that_of_a_ball() -> None:
    table = near_volume(np.full((1, 64), 0.5), distance=0.02, steps=2)
    # The ball lies inside the cube: its volume is exact.
    assert table["log10_volume"].tolist() == [volume_near(1, 64, r) for r in (0.01, 0.02)]


# ---- laws ---------------------------------------------------------------------------------------


def test_rotation_scale_shift_and_order_change_nothing() -> None:
    X, people = codes(), names()
    expected = capacity(X, people, dimension=(5, 4, 7))
    turned = 3.7 * X @ ortho_group.rvs(K, random_state=0) + 11
    order = np.random.default_rng(2).permutation(len(X))
    for other in (
        capacity(turned, people, dimension=(5, 4, 7)),
        capacity(X[order], people[order], dimension=(5, 4, 7)),
    ):
        pd.testing.assert_frame_equal(other, expected, rtol=1e-6)


def test_a_stricter_rate_has_a_smaller_cap_and_room_for_more() -> None:
    table = capacity(codes(300), names(300), dimension=(6, 5, 8))
    assert table["threshold"].is_monotonic_decreasing
    assert table["genuine_share"].is_monotonic_decreasing
    for name in ("log10_capacity", "log10_intrinsic"):
        assert table[name].is_monotonic_increasing
        assert (table[f"{name}_low"] <= table[name]).all()
        assert (table[name] <= table[f"{name}_high"]).all()
    assert (table["log10_intrinsic"] < table["log10_capacity"]).all()


def test_a_person_drawn_twice_is_no_pair_and_the_seed_alone_decides() -> None:
    X, people = codes(8), names(8)
    one, other = (capacity(X, people, seed=seed) for seed in (0, 1))
    pd.testing.assert_frame_equal(one, capacity(X, people, seed=0))
    assert one["threshold"].equals(other["threshold"])
    assert not one["threshold_low"].equals(other["threshold_low"])


def test_the_volume_grows_with_the_distance_and_is_within_both_bounds() -> None:
    faces = np.random.default_rng(3).uniform(0.3, 0.7, size=(20, 64))
    table = near_volume(faces, distance=0.3)
    assert table["log10_volume"].is_monotonic_increasing
    assert table["distance"].iloc[-1] == 0.3
    for row in table.itertuples():
        assert row.log10_volume <= uniform_near(faces, row.distance)
        assert row.log10_volume <= volume_near(20, 64, row.distance)


# ---- edges --------------------------------------------------------------------------------------


def test_too_few_pairs_resolve_no_rate_and_nothing_is_extrapolated() -> None:
    table = by_rate(capacity(codes(6, 3), names(6, 3), dimension=(5, 4, 7)))
    assert table["pairs"].iloc[0] == 135  # a tenth is 13: too few for any rate
    assert not table["resolved"].any()
    blank = ["accepted", "threshold", "span", "genuine_share", "log10_capacity", "log10_intrinsic"]
    assert table[blank].isna().all(axis=None)
    table = by_rate(capacity(codes(12, 10), names(12, 10)))
    assert table["resolved"].tolist() == [True, True, False]
    assert table["log10_capacity"].notna().tolist() == [True, True, False]
    assert table["log10_intrinsic"].isna().all()  # no dimension was given


def test_one_image_of_each_person_has_no_genuine_pairs() -> None:
    table = capacity(codes(60, 1), names(60, 1))
    assert (table["genuine_pairs"] == 0).all()
    assert table["genuine_share"].isna().all()
    assert table["log10_capacity"].notna().iloc[0]


def test_codes_alike_of_all_people_resolve_no_rate() -> None:
    X = np.repeat(codes(1, 2), 30, axis=0)  # two directions for everybody
    table = capacity(X, names(12, 5), centre=np.zeros(K))
    assert not table["resolved"].any()


def test_points_that_are_one_have_no_directions() -> None:
    X = np.repeat(np.random.default_rng(0).normal(size=(2, 9)), 20, axis=0)
    table = local_directions(X, nearest=[8])
    assert table["directions"].tolist() == [0]


# ---- messages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: capacity(codes(4), names(4)),
            "capacity: codes of at least 5 people must be given, got 4. Use images of more people.",
        ),
        (
            lambda: capacity(codes(), names(), centre=np.zeros(3)),
            "capacity: centre must have shape (12,), got (3,). Give the mean code: "
            "codes.mean(axis=0).",
        ),
        (
            lambda: capacity(codes(), names(), centre=codes()[7]),
            "capacity: no code may lie at the centre, where it has no direction, got 1 of 240, "
            "first in row 7. Leave those rows out.",
        ),
        (
            lambda: capacity(codes(), names(), false_accept_rates=[2.0]),
            "capacity: false_accept_rates must be a number from 1e-09 to 0.999, got 2.0.",
        ),
        (
            lambda: capacity(codes(), names(), dimension=(0.5, 0.2, 1)),
            "capacity: dimension must be a number from 1 to 1e+06, got 0.5.",
        ),
        (
            lambda: local_directions(codes(2), nearest=[8, 16]),
            "local_directions: nearest must contain a number below 8, the number of rows, got at "
            "least 8. Use more images or fewer neighbours.",
        ),
        (
            lambda: near_volume(2 * np.ones((3, 4)), distance=0.1),
            "near_volume: faces must have values from 0 to 1, got 2 to 2. Divide uint8 pixels by "
            "255.",
        ),
    ],
)
def test_refusals_are_whole_sentences(call: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        call()  # type: ignore[operator]
    assert str(caught.value) == message
