"""What the study ``faces`` trains AlexNet on: the budget, and what it leaves out."""

from __future__ import annotations

import numpy as np
import pytest
from study_folder import build, reseal

import repviz
from repviz import FacesSetup, open_study
from repviz.errors import InputError
from repviz.images import images_from
from repviz.report.sections import get_section
from repviz.report.sections.training import SECTION
from repviz.studies.alexnet_stages import HELD_OUT, _untrainable, affordable_training
from repviz.studies.layers import control_network
from repviz.training.alexnet_recipe import untrained_control

LABELS = 10


def training(n: int, *, budget: float = 5.0, epochs: int | None = None):
    """The training of ``n`` known and ``n // 2`` held-out images of ten labels."""
    labels = (np.arange(n + n // 2) % LABELS).astype(str)
    identity = np.arange(n), np.arange(n, n + n // 2)
    return labels, affordable_training(labels, identity, epochs, budget, 0)


@pytest.mark.parametrize(
    ("n", "epochs", "fitted"),
    # 5 CPU-minutes are 300 s: 6 epochs, those of the recipe, of 280 images take 260 s (an epoch
    # 0.11 s x 280, and 0.03 s for each of the 140 + 280 that are scored), 2 of 1,258 take 343 s;
    # beyond one epoch what scoring leaves, 300 - 0.03 x (2 x 2,000 + 500) = 165 s, is 1,500 images.
    [(280, 6, 280), (636, 3, 636), (1258, 2, 1258), (8400, 1, 1500)],
)
def test_a_budget_cuts_epochs_first_and_then_images(n, epochs, fitted):
    _, found = training(n)
    assert (found.epochs, len(found.split[0])) == (epochs, fitted)


@pytest.mark.parametrize("budget", [0.1, 1, 7, 60])
@pytest.mark.parametrize("n", [40, 500, 4000, 20_000])
def test_a_training_takes_what_the_budget_allows_but_for_half_an_epoch(n, budget):
    _, found = training(n, budget=budget)
    fitted, tested = (len(rows) for rows in found.split)
    epoch = 0.11 * fitted + 0.03 * (tested + min(fitted, 500))
    assert found.epochs * epoch + 0.03 * tested <= 60 * budget + epoch / 2 + 0.1
    assert found.epochs <= 6
    assert fitted == n or 0.11 * fitted >= 0.35 * 60 * budget  # not all of it goes into scoring


def test_a_sample_keeps_the_shares_of_the_labels_and_the_two_parts_apart():
    labels, found = training(20_000)
    fitted, tested = found.split
    assert len(tested) == HELD_OUT
    assert not set(fitted) & set(tested)
    assert set(fitted) < set(range(20_000))
    for rows in found.split:
        counts = np.unique(labels[rows], return_counts=True)[1]
        assert len(counts) == LABELS
        assert np.ptp(counts) <= 2


def test_explicit_epochs_override_the_budget():
    _, found = training(8400, budget=0.1, epochs=6)
    assert (found.epochs, len(found.split[0])) == (6, 8400)


@pytest.mark.parametrize(
    ("budget", "got"), [(0, "0"), (-1, "-1"), (float("nan"), "nan"), ("ten", "'ten'")]
)
def test_a_budget_is_a_number_of_minutes(budget, got):
    with pytest.raises(InputError) as error:
        FacesSetup(budget=budget)
    assert str(error.value).startswith("study faces: budget must be ")
    assert got in str(error.value)


def test_the_report_says_what_the_budget_left_out(tmp_path):
    study = open_study(build(tmp_path / "study"))
    table = study.result("training")
    rendered = SECTION.render(study)
    assert rendered is not None
    assert "budget" not in rendered.limits
    cut = table.assign(n_available=8400, usual_epochs=24)
    cut.to_csv(study.folder / "results" / "training.csv", index=False)
    reseal(study.folder)
    rendered = SECTION.render(open_study(study.folder))
    assert rendered is not None
    assert rendered.limits.endswith(
        " The study's budget for this training allowed "
        f"{table['n_train'].iloc[-1]:,} of 8,400 training images and 12 of 24 epochs (--budget "
        "allows more): a longer training would learn more."
    )


def test_of_one_held_out_group_no_interval_is_read_as_a_finding(tmp_path):
    study = open_study(build(tmp_path / "study"))
    for name, ends in (
        ("training", ["held_out_low", "held_out_high"]),
        ("evaluation", ["low", "high"]),
    ):
        table = study.result(name).assign(**dict.fromkeys(ends, np.nan))
        table.to_csv(study.folder / "results" / f"{name}.csv", index=False)
    reseal(study.folder)
    study = open_study(study.folder)
    claim = SECTION.claim(study)
    assert claim.interval == ""
    assert (
        " They are all of one person, of which no interval can be given: whether the network has "
        "learned cannot be told." in claim.answer
    )
    assert "no learning is shown" not in claim.answer
    for name in ("training", "confusion"):
        title = get_section(name).render(study).title
        assert "of one person no interval can be given" in title
        assert "–" not in title


@pytest.mark.parametrize(
    ("labels", "groups", "held_out", "reason"),
    [
        ("xyxyxyxyxyxy", "aabbccddeeff", [8, 9, 10, 11], ""),
        (
            "xyxyxyxyzzzz",
            "aabbccddeeff",
            [8, 9, 10, 11],
            "every image of 1 label is of groups that are held out, and a label cannot be learned "
            "without images",
        ),
        (
            "xyxyxyxyxyxz",
            None,
            [10, 11],
            "1 label has a single image, which cannot be both learned and tested",
        ),
    ],
)
def test_the_reason_for_no_training_is_the_one_that_holds(labels, groups, held_out, reason):
    pixels = np.arange(12 * 64, dtype=np.uint8).reshape(12, 8, 8)
    images = images_from(pixels, labels=list(labels), groups=groups and list(groups))
    identity = np.setdiff1d(np.arange(12), held_out), np.array(held_out)
    assert _untrainable(images, identity) == reason


@pytest.mark.slow
def test_the_control_of_a_trained_alexnet_is_the_network_at_the_start_of_training(tmp_path):
    images = repviz.open_images("drawn-faces:40", size=32, label="turn")
    random = repviz.open_model("alexnet", classes=len(images.classes), seed=3)
    rows = np.arange(24), np.arange(24, 40)
    weights = tmp_path / "net.safetensors"
    repviz.train(random, images, out=weights, epochs=1, held_out=rows, seed=3)
    control = control_network(repviz.open_model("alexnet", weights=str(weights)), images, seed=0)
    assert control.key == untrained_control(random, images, rows[0], seed=3).key
    assert control.weights == "random (seed 3), scaled on the images"
