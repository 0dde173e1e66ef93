"""The table of how rare accepted noise is agrees with closed forms, and says what it left out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from repviz.errors import InputError
from repviz.facespace.acceptance import log10_accepted
from repviz.facespace.calibration import Bands, CalibratedJudges, calibrate
from repviz.facespace.judges import user_judge
from repviz.facespace.known import Known
from repviz.facespace.rarity_table import NOT_ASKED, SEARCHED, rarity_table

EFFORT = {"populations": 10, "particles": 50, "moves": 3}


@pytest.fixture(scope="module")
def known():
    """Sixty images of 8 x 8 pixels: smooth blobs whose place and light vary."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:8, :8] / 8
    cx, cy = rng.uniform(0.3, 0.7, (2, 60, 1, 1))
    blobs = rng.uniform(0.5, 0.9, (60, 1, 1)) * np.exp(-8 * ((x - cx) ** 2 + (y - cy) ** 2))
    return Known(blobs.reshape(60, -1).astype(np.float32))


def first_pixel(low, high):
    """One judge, of the first pixel's grey level, that accepts what lies between two levels."""
    judge = user_judge(lambda X: X[:, 0].astype(np.float64), name="first-pixel")
    half = np.array([(high - low) / 2])
    band = Bands(np.array([(low + high) / 2]), half, half)
    statistics = (judge.fitted(Known(np.zeros((2, 64), np.float32)), 0),)
    return CalibratedJudges((judge,), (band,), 1.0, 0.95, 60, 60, np.zeros((60, 1)), statistics)


@pytest.fixture(scope="module")
def judges(known):
    return calibrate(known, judges=["nearest-face", "face-space"])


@pytest.fixture(scope="module")
def table(judges, known):
    return rarity_table(judges, known, split=False).set_index(["verdict", "sampler"])


# ---- truth ---------------------------------------------------------------------------------------


def test_the_probability_of_a_grey_level_in_a_band_is_that_of_its_distribution(known):
    mean, deviation = known.mean[0], known.faces[:, 0].std(ddof=1)
    low, high = mean + 3 * deviation, mean + 4 * deviation
    found = rarity_table(first_pixel(low, high), known, **EFFORT).set_index("sampler")
    truth = norm.sf(3) - norm.sf(4)
    assert truth == pytest.approx(0.001318, abs=1e-6)
    for sampler, exact in (
        ("uniform-pixels", high - low),
        ("pixelwise-gaussian", truth),
        ("full-covariance-gaussian", truth),
    ):
        row = found.loc[sampler]
        assert row["method"] == "splitting"
        low_end, high_end = row["log10_probability_low"], row["log10_probability_high"]
        assert low_end - 0.05 < math.log10(exact) < high_end + 0.05
        assert row["log10_probability"] == pytest.approx(math.log10(exact), abs=0.2)
        assert row["log10_floor"] < math.log10(exact)
    assert found["verdict"].tolist() == ["joint"] * 3  # it has no judge "nearest-face"


def test_where_images_were_counted_their_share_is_the_estimate(judges, known):
    shares = {"accepted_share": 0.25, "accepted_share_low": 0.2, "accepted_share_high": 0.31}
    none = dict.fromkeys(shares, 0.0)
    counts = pd.DataFrame(
        [
            {"rung": "pixelwise-gaussian", "judge": "joint", "n": 400, "accepted": 100, **shares},
            {"rung": "uniform-pixels", "judge": "nearest-face", "n": 400, "accepted": 0, **none},
        ]
    )
    found = rarity_table(judges, known, counts=counts, split=False)
    found = found.set_index(["verdict", "sampler"])
    row = found.loc[("joint", "pixelwise-gaussian")]
    assert (row["method"], row["evaluations"], row["left_out"]) == ("counting", 400, "")
    ends = [row[f"log10_probability{end}"] for end in ("", "_low", "_high")]
    np.testing.assert_allclose(ends, np.log10([0.25, 0.2, 0.31]))
    assert found.loc[("nearest-face", "uniform-pixels"), "method"] == "importance sampling"


# ---- laws ----------------------------------------------------------------------------------------


def test_counts_change_no_other_row_and_equal_seeds_give_equal_tables(judges, known, table):
    one = {"rung": "pixelwise-gaussian", "judge": "joint", "n": 400, "accepted": 100}
    ends = dict.fromkeys(("accepted_share", "accepted_share_low", "accepted_share_high"), 0.25)
    again = rarity_table(judges, known, counts=pd.DataFrame([one | ends]), split=False)
    again = again.set_index(["verdict", "sampler"]).drop(("joint", "pixelwise-gaussian"))
    pd.testing.assert_frame_equal(again, table.drop(("joint", "pixelwise-gaussian")))


def test_no_end_of_an_interval_lies_above_the_bound(table):
    bounded = table.dropna(subset=["log10_bound", "log10_probability"])
    assert len(bounded)
    assert (bounded["log10_probability_high"] <= bounded["log10_bound"]).all()
    given = table.dropna(subset=["log10_probability"])
    assert (given["log10_probability_low"] <= given["log10_probability"]).all()


def test_a_limit_that_float32_rounds_up_or_down_is_reached(judges, known):
    """An excess of 0 in float32 made 1.3488061405788854 a score above this very limit."""
    for limit in (1.3488061405788854, 1.34880605):
        wide = replace(judges, joint_limit=limit)
        found = log10_accepted(wide, known, "uniform-pixels", moves=5, particles=20)
        assert -200 < found.low < found.high < -20


# ---- contract ------------------------------------------------------------------------------------


def test_every_sampler_and_verdict_has_a_row_with_an_estimate_or_a_reason(table, known):
    assert list(table.index) == [(v, s) for v in ("nearest-face", "joint") for s in SEARCHED]
    missing = table["log10_probability"].isna()
    assert (table["left_out"] != "").tolist() == missing.tolist()
    assert set(table.loc[missing, "left_out"]) == {NOT_ASKED}
    assert set(table.loc[missing, "method"]) == {"splitting"}
    assert set(table["n"]) == {60}


def test_an_estimate_that_fails_is_left_out_with_its_reason(known):
    found = rarity_table(first_pixel(2.0, 3.0), known, **EFFORT)
    assert found["log10_probability"].isna().all()
    assert found["left_out"].str.startswith("the score must vary outside the event, got 50 ").all()


# ---- messages ------------------------------------------------------------------------------------


def test_too_few_moves_are_refused(judges, known):
    with pytest.raises(InputError) as caught:
        rarity_table(judges, known, moves=0)
    assert str(caught.value) == "rarity_table: moves must be a whole number at least 1, got 0."
