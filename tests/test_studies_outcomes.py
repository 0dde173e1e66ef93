"""What a classifier takes images for: counts of a known outcome, and which images are shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_pages import Page, changed, shown, written
from study_folder import build, reseal
from torch import nn

from repviz import figures
from repviz.images import as_images
from repviz.models.model import Model, Preprocessing
from repviz.report.sections import get_section
from repviz.studies.outcomes import write_outcomes
from repviz.study_folder import begin, open_study
from repviz.training.evaluation import Evaluation

CLASSES = ("ann", "bea", "cem")
TRUE = ["ann"] * 4 + ["bea"] * 5 + ["cem"] * 7
SAID = ["ann"] * 2 + ["bea"] * 6 + ["ann"] + ["cem"] * 6 + ["ann"]
SURE = np.linspace(0.5, 0.95, len(TRUE))  # of the answer; the rest is shared by the others


@pytest.fixture
def outcome(tmp_path: Path):
    """Write the outcome above, of images whose grey level is their number."""

    def written(seed: int = 0, **options: bool):
        pixels = np.repeat(np.arange(20, 20 + len(TRUE), dtype=np.uint8), 12 * 16)
        images = replace(as_images(pixels.reshape(-1, 12, 16)), labels=np.array(TRUE), name="greys")
        says = np.array([CLASSES.index(one) for one in SAID])
        probabilities = np.repeat((1 - SURE)[:, None] / 2, 3, axis=1).astype(np.float32)
        probabilities[np.arange(len(says)), says] = SURE
        model = Model(
            "known", nn.Identity(), Preprocessing((12, 16), 3, (0,) * 3, (1,) * 3), (), "", {}
        )
        model = replace(model, classes=CLASSES)
        rows = np.arange(len(TRUE))
        found = Evaluation(pd.DataFrame(), rows, probabilities)
        about = {"name": "greys", "credit": "", "key": "k", "labels_key": "", "n": len(rows)}
        out = tmp_path / f"{seed}{options}"
        with begin(out, study="network", title="Greys", parameters={}, images=about) as study:
            study.stage(
                "evaluation",
                lambda draft: write_outcomes(draft, model, images, found, seed=seed, **options),
            )
        return open_study(out)

    return written


# ---- truth --------------------------------------------------------------------------------------


def test_the_counts_of_a_known_outcome(outcome) -> None:
    rows = outcome().result("confusion").to_dict("records")
    assert [tuple(row.values()) for row in rows] == [
        ("ann", "ann", 2, 4),
        ("ann", "bea", 2, 4),
        ("bea", "ann", 1, 5),
        ("bea", "bea", 4, 5),
        ("cem", "ann", 1, 7),
        ("cem", "cem", 6, 7),
    ]


def test_each_image_has_its_answer_and_how_sure_it_is(outcome) -> None:
    table = outcome().result("evaluation_images")
    assert table["predicted"].tolist() == SAID
    assert table["label"].tolist() == TRUE
    assert table["probability"].to_numpy() == pytest.approx(SURE)
    correct = np.array(TRUE) == np.array(SAID)
    assert table["correct"].tolist() == correct.astype(int).tolist()
    expected = np.where(correct, SURE, (1 - SURE) / 2)
    assert table["label_probability"].to_numpy() == pytest.approx(expected)


def test_the_surest_wrong_answers_are_shown_and_right_ones_by_the_seed(outcome) -> None:
    study = outcome()
    table = study.result("evaluation_images")
    kept = table[table["panel"] >= 0].sort_values("panel")
    wrong = kept[kept["correct"] == 0]
    assert wrong["row"].tolist() == [15, 8, 3, 2]  # by falling probability; there are four
    right = kept[kept["correct"] == 1]["row"].tolist()
    assert len(right) == 6
    assert right == sorted(right)
    pictures = study.array("evaluation_images")
    assert pictures.shape == (10, 1, 64, 85)
    assert pictures[:, 0, 0, 0].tolist() == [20 + row for row in kept["row"]]
    again, other = (outcome(seed=seed).result("evaluation_images") for seed in (1, 2))
    panels = [set(one.loc[one["panel"] >= 4, "row"]) for one in (table, again, other)]
    assert len({frozenset(rows) for rows in panels}) > 1


def test_without_photographs_none_is_kept(outcome) -> None:
    study = outcome(photographs=False)
    assert (study.result("evaluation_images")["panel"] == -1).all()
    assert not study.has("arrays/evaluation_images.npy")
    content = get_section("confusion").render(study)
    assert content is not None
    assert "<img" not in content.body


def test_the_figure_holds_the_counts_at_their_labels(outcome) -> None:
    (axes,) = figures.draw("confusion", outcome().result("confusion")).axes
    drawn = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    assert drawn == {(0, 0): "2", (1, 0): "2", (0, 1): "1", (1, 1): "4", (0, 2): "1", (2, 2): "6"}
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == [*CLASSES]


# ---- what is on the page -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("outcomes") / "study")


def test_the_page_says_what_is_wrong_and_shows_it(faces: Path) -> None:
    text = written(faces)
    assert "confusion" in shown(text)
    assert (
        "2 of 6 held-out faces (33.3\N{NO-BREAK SPACE}%) are classified wrongly "
        "(95\N{NO-BREAK SPACE}% CI 12.5\N{NO-BREAK SPACE}% to 20.8\N{NO-BREAK SPACE}%)"
    ) in Page(text).headings
    alts = [
        named["alt"] or ""
        for tag, named in Page(text).elements
        if tag == "img" and "classified" in (named.get("alt") or "")
    ]
    assert alts[0] == "image/15: wrongly classified as p0 (90.0 %), is p3 (4.0 %)"
    assert [alt.partition(":")[0] for alt in alts] == [
        f"image/{i}" for i in (15, 14, 16, 17, 18, 19)
    ]
    assert "2 of 2, with the highest probability" in text
    assert "4 of 4, drawn at random" in text
    assert 'aria-label="2 of 6 held-out faces (33.3 %) are classified wrongly."' in text


def test_many_labels_are_listed_as_pairs(faces: Path, tmp_path: Path) -> None:
    names = [f"p{i:02d}" for i in range(21)]
    study = changed(faces, tmp_path / "s", "confusion")
    rows = [(one, one, 3, 5) for one in names] + [("p04", "p09", 3, 5), ("p05", "p01", 2, 5)]
    table = pd.DataFrame(rows, columns=["label", "predicted", "n", "n_label"])
    table.to_csv(study / "results" / "confusion.csv", index=False)
    reseal(study)
    text = written(study)
    assert Page(text).tables["confusion"] == [
        ["person shown", "classified as", "faces", "of"],
        ["p04", "p09", "3", "5"],
        ["p05", "p01", "2", "5"],
    ]
    assert "with more than 20 people (here 21) a matrix of all pairs could not be read" in text
    assert ", most often p04 as p09" in text
    assert "confusion-wide" not in text


def test_a_label_is_text_in_the_figure_too(outcome) -> None:
    table = outcome().result("confusion")
    hostile = table.assign(
        label=r"$\foo{" + table["label"], predicted=r"$\foo{" + table["predicted"]
    )
    figure = figures.draw("confusion", hostile)
    figure.draw_without_rendering()
    assert figure.axes[0].get_yticklabels()[0].get_text() == r"$\foo{ann"
