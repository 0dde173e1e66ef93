"""The stage "rarity" of a study: what it writes, and what sentence the study makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from report_pages import changed
from study_folder import build, reseal
from table_dictionary import undocumented

from repviz.facespace.calibration import calibrate
from repviz.facespace.known import Known
from repviz.nouns import DIGITS
from repviz.report.sections import get_section
from repviz.studies.rarity import rarity_findings, rarity_stage
from repviz.study_folder import Draft, open_study

LAST = "the probability of these judges' verdict, not of a face, for they accept other images too."


def unestimated(folder: Path, to: Path) -> Path:
    """The study with no estimate of a joint verdict, as it is made by default."""
    blank = {f"log10_probability{end}": np.nan for end in ("", "_low", "_high")}
    reason = "splitting takes minutes and was not asked for (--rarity)"
    study = open_study(folder)
    table = study.result("rarity")
    table.loc[table["verdict"] == "joint", [*blank, "left_out"]] = [*blank.values(), reason]
    return changed(folder, to, "rarity", **{name: table[name] for name in [*blank, "left_out"]})


# ---- truth ---------------------------------------------------------------------------------------


def test_the_table_has_titles_in_the_studys_words_and_is_documented(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.uniform(0.3, 0.7, (20, 64)), 3, axis=0)
    faces = np.clip(centres + 0.05 * rng.normal(size=(60, 64)), 0, 1).astype(np.float32)
    known = Known(faces, people=np.repeat(np.arange(20), 3))
    judges = calibrate(known, judges=["nearest-face", "face-space"])
    study = open_study(build(tmp_path / "s"))
    draft = Draft(study.folder)
    rarity_stage(
        draft, study=study, known=known, judges=judges, nouns=DIGITS, split=False, seed=0
    )  # fmt: skip
    assert [line for line in undocumented(study.folder) if line.startswith("rarity.")] == []
    reseal(study.folder)
    table = open_study(study.folder).result("rarity")
    assert table["title"].tolist()[2] == "Gaussian with the covariance of digits"
    assert table["verdict_title"].tolist()[0] == "Distance to the nearest known digit"
    # 150 of 10,000 in the made-up ladder
    counted = table[table["method"] == "counting"]
    assert set(counted["sampler"]) == {"full-covariance-gaussian"}
    np.testing.assert_allclose(10 ** counted["log10_probability"], 0.015)


def test_the_findings_quote_the_estimate_its_interval_and_its_bound(tmp_path: Path) -> None:
    (sentence,) = rarity_findings(open_study(build(tmp_path / "s")))
    assert sentence == (
        "A uniformly random image is accepted by all judges together with a probability of "
        "10⁻¹³²⁴ (log10 −1323.9, 95 % CI −1324.5 to −1322.4; analytic bound 10⁻¹²⁹⁸; splitting, "
        "4,000 images, seed 0), and by the judge of distance to the nearest of 280 known faces "
        "alone with a probability of 10⁻⁶¹⁰ (log10 −609.5, 95 % CI −609.6 to −609.5; analytic "
        f"bound 10⁻⁶⁰⁶; importance sampling, 4,000 images, seed 0): {LAST}"
    )


# ---- edges ---------------------------------------------------------------------------------------


def test_without_an_estimate_the_bound_stands(tmp_path: Path) -> None:
    study = open_study(unestimated(build(tmp_path / "s"), tmp_path / "t"))
    (sentence,) = rarity_findings(study)
    assert sentence.startswith(
        "A uniformly random image is accepted by all judges together with a probability below "
        "10⁻¹²⁹⁸ (an analytic bound, no estimate; --rarity estimates it, in a new folder), and by "
        "the judge of "
    )
    section = get_section("rarity").render(study)
    assert section is not None
    assert (
        section.title == "All judges together accept uniform noise with a probability below 10⁻¹²⁹⁸"
    )
    claim = get_section("ladder").claim
    assert claim is not None
    card = claim(study)
    assert card is not None
    assert " They accept one with a probability below 10⁻¹²⁹⁸. " in card.answer


def test_a_study_without_the_table_says_as_much_as_before(tmp_path: Path) -> None:
    folder = build(tmp_path / "s", skipped={"rarity": "no ladder"})
    study, claim = open_study(folder), get_section("ladder").claim
    assert rarity_findings(study) == []
    assert claim is not None
    card = claim(study)
    assert card is not None
    assert "probability" not in card.answer


def test_digits_are_not_called_faces(tmp_path: Path) -> None:
    study = open_study(build(tmp_path / "s"))
    reseal(study.folder, images=study.manifest["images"] | {"nouns": DIGITS.as_json()})
    (sentence,) = rarity_findings(open_study(study.folder))
    assert "280 known digits" in sentence
    assert "not of a digit" in sentence
    assert "face" not in sentence
