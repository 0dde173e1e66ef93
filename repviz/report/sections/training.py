"""Accuracy on training and held-out images, and the loss, per epoch."""

from __future__ import annotations

from typing import Any

from repviz.number_format import count, counted, missing, percent, plain, share_interval
from repviz.report.html import join
from repviz.report.parts import Estimate, chart, field, interval, intervals, key, numbers_of
from repviz.report.sections import Claim, Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "training": (
        "epoch train_loss train_accuracy held_out_accuracy held_out_low held_out_high chance "
        "n_train n_available n_held_out usual_epochs learning_rate"
    ),
    "layers": "representation nearest_same nearest_same_low nearest_same_high nearest_same_n",
}

FALLING = 0.05  # share of the training loss that the last epoch of a converged training saves

_COLUMNS = (
    field("epoch", "epoch", count),
    field("loss, nats", "train_loss", plain),
    field("training images", "train_accuracy", percent),
    field("held-out images", "held_out_accuracy", percent),
    interval("95 % interval", "held_out_low", "held_out_high", percent),
    field("n held out", "n_held_out", count),
    field("learning rate", "learning_rate", plain),
)


def render(study: Study) -> Content | None:
    """The learning curves and their table."""
    table = study.result("training", TABLES["training"])
    if table.empty:
        return None
    last = records(table)[-1]
    labels, ends = study.nouns.labels, (last["held_out_low"], last["held_out_high"])
    band = "" if missing(ends[0]) else "; the band is the 95 % interval"
    caption = (
        f"Accuracy on {count(last['n_train'])} training images and on {count(last['n_held_out'])} "
        f"held-out images of the same {labels}{band}. After epoch {count(last['epoch'])}: "
        f"{percent(last['held_out_accuracy'])} ({share_interval(*ends, study.nouns.unit)}), chance "
        f"{percent(last['chance'])}.{_of_pixels(study, last)}{_unconverged(records(table))}"
        f"{_of_layer(study, last)}"
    )
    keys = [
        key("first", "held-out images"),
        key("muted", "training images"),
        key("second", "chance"),
    ]
    alt = "Accuracy on training and held-out images, and training loss, against the epoch."
    body = join(
        [
            chart("training", table, caption=caption, alt=alt, keys=keys),
            numbers_of("results/training.csv", table, _COLUMNS),
        ]
    )
    return Content(
        body,
        reading="Only the held-out curve shows generalisation. Both curves are scored alike, on "
        "unchanged images without dropout, so that the gap between them is what was overfitted.",
        limits="One training with one seed: another would differ by a few images. The held-out "
        f"images show the same {labels} under the same conditions; nothing is said about others. "
        "Nothing in this run was selected on the held-out images, but the learning rate and the "
        "augmentation of the recipe were, on the ORL collection: there the accuracy is slightly "
        "optimistic." + _left_out(last),
        title=_headline(last, study.nouns.unit),
    )


def _unconverged(rows: list[dict[str, Any]]) -> str:
    """That the loss was still falling at the end, as a sentence after a space; "" where not.

    The rule: the last epoch lowered the training loss by more than 5 %, and training images are
    still classified wrongly.
    """
    if len(rows) < 2 or rows[-1]["train_accuracy"] == 1:
        return ""
    before, last = (rows[place]["train_loss"] for place in (-2, -1))
    if not last < (1 - FALLING) * before:
        return ""
    return (
        f" Not converged: epoch {count(rows[-1]['epoch'])}, the last, lowered the training loss by "
        f"{percent(1 - last / before, 0)}, from {plain(before)} to {plain(last)}."
    )


def _of_layer(study: Study, last: dict[str, Any]) -> str:
    """That the nearest image in the deepest layer is right more often, as a sentence; else ""."""
    if not study.has("results/layers.csv"):
        return ""
    table = study.result("layers", TABLES["layers"])
    trained = table["representation"].str.startswith("trained ")
    rows = records(table[trained & (table["nearest_same_n"] == last["n_held_out"])])
    if not rows or not rows[-1]["nearest_same"] > last["held_out_accuracy"]:
        return ""
    return (
        f" The nearest training image in {rows[-1]['representation']} is right for "
        f"{percent(rows[-1]['nearest_same'])}: that compares images and does not use the "
        "output layer."
    )


def _left_out(last: dict[str, Any]) -> str:
    """What the budget of the training left out, as a sentence after a space; "" if nothing."""
    n, available, epochs, usual = (
        last[name] for name in ("n_train", "n_available", "epoch", "usual_epochs")
    )
    if (n, epochs) == (available, usual):
        return ""
    return (
        f" The study's budget for this training allowed {count(n)} of {count(available)} training "
        f"images and {count(epochs)} of {count(usual)} epochs (--budget allows more): a longer "
        "training would learn more."
    )


def _headline(last: dict[str, Any], unit: str) -> str:
    ends = share_interval(last["held_out_low"], last["held_out_high"], unit, 0)
    return (
        f"{percent(last['held_out_accuracy'], 0)} of held-out images are classified correctly "
        f"({ends}; chance {percent(last['chance'])})"
    )


def claim(study: Study) -> Claim | None:
    """The held-out accuracy after the last epoch, beside the pixels and the commonest label."""
    table = study.result("training", TABLES["training"])
    if table.empty:
        return None
    last, nouns = records(table)[-1], study.nouns
    accuracy, low, high = (last[f"held_out_{name}"] for name in ("accuracy", "low", "high"))
    n, chance = last["n_held_out"], last["chance"]
    learned = "" if low > chance else " The interval includes that: no learning is shown."
    if missing(low):
        learned = (
            f" They are all of one {nouns.unit}, of which no interval can be given: whether the "
            "network has learned cannot be told."
        )
    sentence = (
        f"After {counted(last['epoch'], 'epoch')} the network names {percent(accuracy, 0)} of "
        f"{count(n)} new {nouns.images}; it was trained on others of the same {nouns.labels}. "
        f"Always naming the commonest {nouns.label} would be right for {percent(chance)}.{learned}"
        f"{_of_pixels(study, last)}{_unconverged(records(table))}"
    )
    estimates = [
        Estimate("network", accuracy, low, high),
        *_pixels(study, n),
        Estimate(f"commonest {nouns.label}", chance, chance, chance, "muted"),
    ]
    picture = intervals(estimates, _brief, alt=sentence, end=1.0)
    return Claim(
        f"How often does the network name the right {nouns.label}?",
        percent(accuracy, 0),
        sentence,
        picture,
        interval="" if missing(low) else f"{percent(low, 0)} to {percent(high, 0)}",
        rank=3,
    )


def _brief(share: float) -> str:
    """A share as a whole percentage, and with a decimal below 10 %."""
    return percent(share, 1 if 0 < share < 0.1 else 0)


def _of_pixels(study: Study, last: dict[str, Any]) -> str:
    """How often raw pixels name the same held-out images, as a sentence; "" where not measured."""
    for one in _pixels(study, last["n_held_out"]):
        return f" Without training, the nearest image in pixels is right for {percent(one.value)}."
    return ""


def _pixels(study: Study, n: int) -> list[Estimate]:
    """How often the nearest training image in pixels has the label, of the same held-out images."""
    # `study network`, which measures no other representation, has a table of its own for it.
    there = [one for one in ("layers", "nearest_in_pixels") if study.has(f"results/{one}.csv")]
    if not there:
        return []
    table = study.result(there[0], TABLES["layers"])
    rows = table[(table["representation"] == "pixels") & (table["nearest_same_n"] == n)]
    ends = ("nearest_same", "nearest_same_low", "nearest_same_high")
    return [
        Estimate("nearest in pixels", row[ends[0]], row[ends[1]], row[ends[2]], "third")
        for row in records(rows)
    ]


SECTION = Section(
    claim=claim,
    title="Learning curves",
    short="Training",
    stage="training",
    needs=("results/training.csv",),
    tables=TABLES,
    render=render,
)
