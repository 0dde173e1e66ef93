"""Paths have the lengths that geometry says, and their steps the verdicts of unseen faces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from repviz.errors import InputError
from repviz.facespace.calibration import calibrate
from repviz.facespace.known import Known
from repviz.facespace.paths import (
    draw_pairs,
    find_paths,
    judge_midpoints,
    judge_paths,
)
from repviz.principal import pca

SIDE = 16
QUICK = ["nearest-face", "face-space"]


def circle(angles: np.ndarray) -> np.ndarray:
    """Points on a circle around (0.5, 0.5), shape (n, 2)."""
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return (0.5 + 0.4 * around).astype(np.float32)


def shapes(seed: int, n: int) -> np.ndarray:
    """Stand-ins for faces: smooth blobs whose place and light vary, shape (n, 256) in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    cx, cy, light = (
        rng.uniform(low, high, (n, 1, 1)) for low, high in ((0.3, 0.7),) * 2 + ((0.5, 0.9),)
    )
    blobs = light * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) * 8)
    return blobs.reshape(n, -1).astype(np.float32)


def path(paths, name):
    return next(one for one in paths if one.name == name)


@pytest.fixture(scope="module")
def known():
    faces = shapes(0, 150)
    fit = pca(faces, components=6)
    return Known(faces, people=np.arange(150) // 3, codes=fit.scores, decode=fit.inverse)


@pytest.fixture(scope="module")
def held_out(known):
    faces = shapes(2, 40)
    fit = pca(known.faces, components=6)
    return replace(known, faces=faces, people=np.arange(40) // 4, codes=fit.transform(faces))


@pytest.fixture(scope="module")
def judges(known):
    return calibrate(known, judges=QUICK, seed=7)


@pytest.fixture(scope="module")
def ends(held_out):
    return replace(held_out.rows(np.array([0, 5])), codes=held_out.codes[[0, 5]])


@pytest.fixture(scope="module")
def found(known, ends):
    return find_paths(known, ends, seed=3)


# ---- truth ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [np.pi / 3, np.pi / 2, np.pi])
def test_on_a_circle_the_walk_is_as_much_longer_as_the_arc_than_its_chord(angle):
    every = np.arange(1000) * (2 * np.pi / 1000)
    between = Known(circle(every[every < angle * 1.001] + 1e-3))
    walk = path(find_paths(between, Known(circle(np.array([0, angle])))), "graph")
    ratio = walk.length / walk.straight_length
    assert ratio == pytest.approx(angle / (2 * np.sin(angle / 2)), rel=1e-3)


def test_in_a_flat_set_the_walk_is_no_longer_than_the_straight_line():
    along = np.random.default_rng(0).uniform(0.1, 0.9, 200)
    line = np.stack([along, 0.5 * along], axis=1).astype(np.float32)
    walk = path(find_paths(Known(line[2:]), Known(line[:2])), "graph")
    assert len(walk.rows) > 10
    assert walk.length == pytest.approx(walk.straight_length, rel=1e-5)
    assert (np.diff(walk.positions) > 0).all()


def test_every_step_of_the_walk_is_a_neighbour_of_the_one_before(known, ends, found):
    walk = path(found, "graph")
    everything = np.concatenate([known.faces, ends.faces])
    np.testing.assert_array_equal(walk.images, everything[walk.rows])
    assert walk.rows[[0, -1]].tolist() == [150, 151]
    apart = np.linalg.norm(everything[:, None] - everything, axis=2)
    nearer = apart.argsort(axis=1).argsort(axis=1)  # 0 for the row itself
    for one, other in zip(walk.rows[:-1], walk.rows[1:], strict=True):
        assert min(nearer[one, other], nearer[other, one]) <= walk.k


def test_straight_lines_lead_from_end_to_end(known, ends, found):
    noise, pixels, code = found[:3]
    np.testing.assert_array_equal(pixels.images[[0, -1]], ends.faces)
    np.testing.assert_array_equal(noise.images[-1], ends.faces[0])
    assert noise.images[0].var() == pytest.approx(1 / 12, rel=0.2)
    halfway = known.decode(ends.codes.mean(axis=0, keepdims=True)).clip(0, 1)
    middle = code.images[5:7].mean(axis=0)  # decoding is linear here
    np.testing.assert_allclose(middle, halfway[0], atol=1e-3)
    assert pixels.length == pytest.approx(pixels.straight_length, rel=1e-5)


def test_a_known_step_is_judged_by_judges_that_have_not_seen_its_person(known, judges, found):
    walk = path(found, "graph")
    table = judge_paths([walk], known, judges)
    inner = walk.rows[1:-1]
    assert len(inner) > 1
    scores = judges.out_of_fold[inner]
    np.testing.assert_array_equal(table["joint_score"][1:-1], scores.max(axis=1))
    np.testing.assert_array_equal(table["accepted"][1:-1], scores.max(axis=1) <= judges.joint_limit)
    for row, step in zip(inner, table.to_dict("records")[1:-1], strict=True):
        others = np.flatnonzero(known.people != known.people[row])
        apart = np.sqrt(np.square(known.faces[others] - known.faces[row]).mean(axis=1))
        assert step["distance"] == pytest.approx(apart.min(), rel=1e-5)
        assert step["nearest_row"] == others[apart.argmin()]
    # Judges that know it would call it too near.
    assert not judges.accepts_jointly(known.faces[inner]).any()


def test_the_ends_are_judged_as_they_are(known, judges, ends, found):
    table = judge_paths(found, known, judges)
    verdicts = judges.accepts_jointly(ends.faces)
    for name in ("pixels", "graph"):
        own = table[table["path"] == name]
        assert own["accepted"].iloc[[0, -1]].tolist() == verdicts.tolist()
    assert ((table["refused_by"] == "") == table["accepted"]).all()
    assert (table["accepted"] == (table["joint_score"] <= judges.joint_limit)).all()
    assert not table.loc[(table["path"] == "noise") & (table["step"] == 0), "accepted"].item()


def test_midpoints_are_counted(known, held_out, judges):
    pairs = draw_pairs(held_out.groups, seed=1)
    table = judge_midpoints(known, held_out, judges, pairs).set_index("kind")
    one, other = pairs.rows.T
    hits = {}
    for kind, X in (
        ("pixels", (held_out.faces[one] + held_out.faces[other]) / 2),
        ("code", known.decode((held_out.codes[one] + held_out.codes[other]) / 2).clip(0, 1)),
    ):
        hits[kind] = judges.accepts(judges.judge(X.astype(np.float32)))[:, -1]
        assert table.loc[kind, "accepted"] == hits[kind].sum()
        assert table.loc[kind, "n"] == len(one)
    assert set(table["groups"]) == {5}
    assert table.loc[["ends", "decoded"], "n"].tolist() == [2 * len(one)] * 2
    difference = hits["code"].mean() - hits["pixels"].mean()
    assert table.loc["code", "difference"] == pytest.approx(difference)
    assert table["accepted_share_low"].le(table["accepted_share"]).all()


# ---- laws ----------------------------------------------------------------------------------------


def test_from_the_other_end_the_path_is_the_same(known, ends, found):
    turned = Known(ends.faces[::-1].copy(), codes=ends.codes[::-1].copy())
    back = find_paths(known, turned, seed=3)
    for name in ("pixels", "code", "graph"):
        there = path(found, name).images
        np.testing.assert_array_equal(path(back, name).images[::-1], there)


def test_equal_seeds_give_equal_bytes_and_another_changes_the_noise_alone(known, ends, found):
    for seed, same in ((3, True), (4, False)):
        again = find_paths(known, ends, seed=seed)
        for one, other in zip(found, again, strict=True):
            is_same = one.images.tobytes() == other.images.tobytes()
            assert is_same == (same or one.name != "noise")


@pytest.mark.parametrize(
    "people", [np.arange(40) // 4, np.arange(500), np.repeat([0, 1, 2], (1, 5, 90))]
)
def test_nobody_is_in_pairs_of_two_groups_and_no_image_in_two_pairs(people):
    pairs = draw_pairs(people, seed=5)
    shown = people[pairs.rows]
    assert (shown[:, 0] != shown[:, 1]).all()
    assert len(np.unique(pairs.rows)) == pairs.rows.size
    for group in np.unique(pairs.groups):
        here = set(shown[pairs.groups == group].ravel())
        assert len(here) == 2
        assert not here & set(shown[pairs.groups != group].ravel())
    assert 1 <= len(pairs.rows) <= 100
    np.testing.assert_array_equal(draw_pairs(people, seed=5).rows, pairs.rows)


@pytest.mark.parametrize("couples", [51, 75, 99])
def test_every_two_people_have_one_pair_before_any_has_two(couples):
    pairs = draw_pairs(np.arange(2 * couples * 3) // 3, seed=1)
    assert len(pairs.rows) == 100
    each = np.bincount(pairs.groups, minlength=couples)
    assert set(each) == {1, 2}
    assert each.sum() == 100


# ---- edges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("each", "k"), [(8, 10), (30, 40), (60, None)])
def test_two_islands_are_joined_by_a_larger_k_or_not_at_all(each, k):
    rng = np.random.default_rng(0)
    islands = [rng.uniform(low, low + 0.1, (each, 4)).astype(np.float32) for low in (0.1, 0.8)]
    known = Known(np.concatenate([island[1:] for island in islands]))
    ends = Known(np.stack([island[0] for island in islands]))
    found = find_paths(known, ends)
    assert [one.name for one in found] == ["noise", "pixels"] + ["graph"] * (k is not None)
    if k:
        assert found[-1].k == k


def test_without_codes_there_is_no_path_through_them(known, held_out, judges, ends):
    found = find_paths(known, Known(ends.faces))
    assert [one.name for one in found] == ["noise", "pixels", "graph"]
    alone = judge_midpoints(known, Known(held_out.faces), judges, draw_pairs(np.arange(40), seed=1))
    assert alone["kind"].tolist() == ["ends", "pixels"]


def test_equal_images_are_steps_of_no_length():
    twice = np.repeat(np.linspace(0.1, 0.9, 30), 2)[:, None].astype(np.float32) * np.ones(4, "f4")
    walk = path(find_paths(Known(twice), Known(twice[[0, -1]])), "graph")
    assert walk.length == pytest.approx(walk.straight_length, rel=1e-5)
    same = path(find_paths(Known(twice), Known(twice[[0, 1]])), "graph")
    assert same.length == 0
    assert same.positions[0] == 0


def test_where_all_pairs_agree_the_difference_has_no_interval(known, held_out, judges):
    noise = replace(held_out, faces=np.random.default_rng(0).random((40, 256), np.float32))
    pairs = draw_pairs(noise.groups, seed=1)
    far = replace(noise, codes=np.full_like(noise.codes, 50.0))
    table = judge_midpoints(known, far, judges, pairs).set_index("kind")
    assert table.loc["code", "difference"] == 0
    assert np.isnan(table.loc["code", ["difference_low", "difference_high"]].astype(float)).all()
    assert table.loc["pixels", "accepted_share_high"] > 0.3  # five groups say no more


def test_one_pair_of_people_has_no_interval(known, held_out, judges):
    pairs = draw_pairs(np.repeat([0, 1], 20), seed=1)
    table = judge_midpoints(known, held_out, judges, pairs).set_index("kind")
    ends = ["accepted_share_low", "accepted_share_high", "difference_low", "difference_high"]
    assert table.loc["code", ends].isna().all()
    assert -1 <= table.loc["code", "difference"] <= 1


# ---- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda known, judges: find_paths(known, Known(known.faces[:3])),
            "find_paths: ends must be two images of 256 pixels, got shape (3, 256). Pass two rows "
            "of the known faces' size.",
        ),
        (
            lambda known, judges: find_paths(known, known.rows(np.arange(2)), steps=1),
            "find_paths: steps must be a whole number at least 2, got 1.",
        ),
        (
            lambda known, judges: draw_pairs(np.zeros(9)),
            "draw_pairs: people must be at least two, got 1. Use images of more people.",
        ),
        (
            lambda known, judges: judge_paths([], known.rows(np.arange(9)), judges),
            "judge_paths: judges must be calibrated with the 9 known faces, got judges of 150. "
            "Pass what calibrate(known) gives.",
        ),
    ],
)
def test_says_what_is_wrong(call, sentence, known, judges):
    with pytest.raises(InputError) as caught:
        call(known, judges)
    assert str(caught.value) == sentence
