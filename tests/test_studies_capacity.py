"""The stage "capacity" of a study: whose codes it takes, what it writes, when it is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from report_pages import changed
from study_folder import build, reseal
from table_dictionary import undocumented

from repviz.images.partition import Partition
from repviz.nouns import DIGITS, FACES
from repviz.studies.capacity import (
    MOST,
    capacity_findings,
    capacity_stage,
    unseen_rows,
    why_no_capacity,
)
from repviz.study_folder import Draft, open_study


def parts(people: int, each: int, *, by: str = "label") -> Partition:
    """Half of the people are trained on, a quarter is validated and a quarter tested on."""
    n = people * each
    train, validation, test = np.split(np.arange(n), [n // 2, n * 3 // 4])
    return Partition(train, validation, test, np.repeat(np.arange(people), each), by)


# ---- truth --------------------------------------------------------------------------------------


def test_the_tables_are_of_people_on_whom_the_encoder_was_not_trained(tmp_path: Path) -> None:
    rng, split = np.random.default_rng(0), parts(40, 6)
    X = np.repeat(rng.uniform(0.2, 0.8, size=(40, 64)), 6, axis=0)
    X = np.clip(X + 0.1 * rng.normal(size=X.shape), 0, 1).astype(np.float32)
    basis, seen = rng.normal(size=(64, 8)), []

    def encode(images: np.ndarray) -> np.ndarray:
        seen.append(images)
        return np.asarray(images @ basis)

    study = open_study(build(tmp_path / "s"))
    rows = unseen_rows(split, seed=0)
    draft = Draft(study.folder)
    capacity_stage(
        draft, study=study, X=X, encode=encode, parts=split, rows=rows,
        measured=np.arange(len(X)), seed=0,
    )  # fmt: skip
    unseen, centre = seen
    np.testing.assert_array_equal(unseen, X[120:])
    np.testing.assert_array_equal(centre, X[:120])
    said = undocumented(study.folder)
    written = [Path(file).stem for file in draft.files]
    assert written == ["capacity", "local_directions", "near_volume"]
    assert [line for line in said if line.split(".")[0] in written] == []
    reseal(study.folder)
    study = open_study(study.folder)
    capacity, near = study.result("capacity"), study.result("near_volume")
    assert capacity["groups"].tolist() == [20] * 3
    assert capacity.loc[capacity["quoted"], "false_accept_rate"].tolist() == [0.01]
    code = study.result("layers").set_index("layer").loc["code"]
    assert capacity["intrinsic_d"].iloc[0] == pytest.approx(code["dimension_calibrated"])
    assert near["distance"].iloc[-1] == 0.118  # the made-up ladder's limit
    assert near["n"].iloc[0] == 180


def test_of_many_images_so_many_are_drawn_by_label() -> None:
    split = parts(80, 100)
    rows = unseen_rows(split, seed=0)
    assert len(rows) == MOST
    assert rows.min() >= 4000  # none was trained on
    assert set(np.bincount(split.groups[rows])[40:]) == {50}


def test_the_findings_quote_the_tables(tmp_path: Path) -> None:
    room, around, near = capacity_findings(open_study(build(tmp_path / "s")))
    assert room == (
        "At a false-accept rate of 1 % the 8-number code has room for at most 250 people [130, "
        "500] (ratio of caps in all dimensions of the codes; a sphere of their intrinsic "
        "dimension, 5.1, would hold 100 [40, 250]; 120 faces of 12 people on which the encoder "
        "was not trained), and matches two faces of one person in 62.0 % of cases [58.9 %, "
        "65.1 %]. Of 20 people drawn at random one pair is already expected to be confused."
    )
    assert around == (
        "The 64 nearest faces of a face vary in 40.5 of 4,096 directions [38.5, 42.5], 1.0 % of "
        "them (95 % of the variance; isotropic points would vary in 59.8)."
    )
    assert near == (
        "Less than 10⁻¹²⁵⁴ of all possible images lie within 0.120 of one of 340 known faces (RMS "
        "grey level)."
    )


# ---- laws ---------------------------------------------------------------------------------------


def test_digits_are_not_called_people(tmp_path: Path) -> None:
    study = open_study(build(tmp_path / "s"))
    reseal(study.folder, images=study.manifest["images"] | {"nouns": DIGITS.as_json()})
    said = " ".join(capacity_findings(open_study(study.folder)))
    assert "250 numerals" in said
    assert not any(word in said for word in ("people", "person", "face"))


# ---- edges --------------------------------------------------------------------------------------


def test_a_study_without_the_stage_says_nothing(tmp_path: Path) -> None:
    folder = build(tmp_path / "s", skipped={"capacity": "the labels are unknown"})
    assert capacity_findings(open_study(folder)) == []


def test_where_no_rate_is_resolved_nothing_is_said(tmp_path: Path) -> None:
    folder = changed(build(tmp_path / "s"), tmp_path / "t", "capacity", quoted=False)
    assert capacity_findings(open_study(folder)) == []


def test_the_volume_is_that_within_a_limit_beyond_every_distance(tmp_path: Path) -> None:
    rng, split = np.random.default_rng(0), parts(24, 10)
    X = rng.random((240, 16), dtype=np.float32)
    folder = changed(build(tmp_path / "s"), tmp_path / "t", "ladder", distance_limit_high=1.2)
    study = open_study(folder)
    draft = Draft(study.folder)
    capacity_stage(
        draft, study=study, X=X, encode=lambda images: images[:, :4], parts=split,
        rows=unseen_rows(split, seed=0), measured=np.arange(len(X)), seed=0,
    )  # fmt: skip
    reseal(study.folder)
    assert open_study(study.folder).result("near_volume")["distance"].iloc[-1] == 1.0


# ---- messages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("split", "reason"),
    [
        (parts(24, 10), ""),
        (
            parts(24, 10, by="image"),
            "it is not known which faces show the same individual: labels count as individuals "
            "where there are 20 or more",
        ),
        (
            parts(20, 2),
            "the 20 faces of 10 people on which the encoder was not trained make 180 pairs of "
            "different people, too few for a false-accept rate of 10 % (30 accepted pairs of 5 "
            "people or more)",
        ),
    ],
)
def test_the_reason_why_it_is_left_out_is_a_clause(split: Partition, reason: str) -> None:
    assert why_no_capacity(split, unseen_rows(split, seed=0), FACES, k=8) == reason


def test_a_code_of_one_number_has_no_capacity() -> None:
    split = parts(24, 10)
    rows = unseen_rows(split, seed=0)
    reason = why_no_capacity(split, rows, FACES, k=1)
    assert reason == "codes of one number have two directions only"
