"""The confusion matrix, and wrongly classified images with the network's probabilities."""

from __future__ import annotations

from typing import Any

import pandas as pd

from repviz.number_format import count, percent, share_interval, text
from repviz.report.html import Markup, join, tag
from repviz.report.parts import chart, field, figure, numbers_of, table
from repviz.report.pictures import image
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "evaluation_images": "id label predicted probability label_probability correct panel",
    "confusion": "label predicted n n_label",
    "evaluation": "accuracy low high",
    "training": "held_out_accuracy held_out_low held_out_high",
}
MOST_LABELS = 20  # of a matrix that can be read
NAMED = 3  # images of a confused pair, from which on the title names it
PAIRS = 10  # that are listed where there are more labels, at most
WRONG, RIGHT = "Classified wrongly", "Classified correctly"


def render(study: Study) -> Content | None:
    """The matrix, or the most confused pairs of many labels, and pictures of some images."""
    images = study.result("evaluation_images", TABLES["evaluation_images"])
    pairs = study.result("confusion", TABLES["confusion"])
    if images.empty:
        return None
    nouns, held_out = study.nouns, "held-out " if study.has("results/training.csv") else ""
    n, wrong = len(images), int((images["correct"] == 0).sum())
    said = (
        f"{count(wrong)} of {count(n)} {held_out}{nouns.images} ({percent(wrong / n)}) are "
        "classified wrongly"
    )
    return Content(
        join([_pairs(study, pairs, said), _pictures(study, images)]),
        reading=f"A network answers with the {nouns.label} of the highest probability, by its "
        f"softmax. Which {nouns.labels} it confuses says more than how often it is right: an "
        "error that repeats between the same two points to a cause, a single one may be chance.",
        limits="The wrong ones shown are those in which the network was surest, not typical ones; "
        "the right ones are drawn at random, with the study’s seed. Every image’s outcome is in "
        "results/evaluation_images.csv. A softmax probability is not calibrated: of answers given "
        "with 90 % not 90 % need be right. One training with one seed: another would confuse "
        f"other {nouns.labels}.",
        title=f"{said}{_interval(study)}{_most_often(pairs)}",
    )


def _interval(study: Study) -> str:
    """The interval of the share of errors, which is that of the accuracy, turned round."""
    ends = None
    if study.has("results/training.csv"):  # the same images where nothing else was evaluated
        last = records(study.result("training", TABLES["training"]))[-1]
        ends = last["held_out_low"], last["held_out_high"]
    if study.has("results/evaluation.csv"):
        centre = records(study.result("evaluation", TABLES["evaluation"]))[0]
        ends = centre["low"], centre["high"]
    return f" ({share_interval(1 - ends[1], 1 - ends[0], study.nouns.unit)})" if ends else ""


def _wrong(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs of different labels, the most frequent first."""
    wrong = pairs[pairs["label"].astype(str) != pairs["predicted"].astype(str)]
    return wrong.sort_values("n", ascending=False, kind="stable")


def _most_often(pairs: pd.DataFrame) -> str:
    """The most frequent confusion, as the end of a sentence; "" where none stands out."""
    first, *others = records(_wrong(pairs).head(2)) or [{"n": 0}]
    if first["n"] < NAMED or first["n"] <= max([0, *(row["n"] for row in others)]):
        return ""
    return f", most often {text(first['label'])} as {text(first['predicted'])}"


def _pairs(study: Study, pairs: pd.DataFrame, said: str) -> Markup | None:
    nouns, wrong = study.nouns, _wrong(pairs)
    n_labels = len({*pairs["label"], *pairs["predicted"]})
    listed = (
        field(f"{nouns.label} shown", "label", text),
        field("classified as", "predicted", text),
        field(nouns.images, "n", count),
        field("of", "n_label", count),
    )
    if n_labels <= MOST_LABELS:
        caption = (
            f"One row per {nouns.label} shown, one column per answer. Numbers count {nouns.images}"
            "; the shade is their share of the row. Blue: right answers, on the diagonal; orange: "
            "wrong ones. An empty cell is 0."
        )
        drawn = chart("confusion", pairs, caption=caption, alt=f"{said}{_most_often(pairs)}.")
        folded = None if wrong.empty else numbers_of("results/confusion.csv", wrong, listed)
        return join([drawn, folded])
    if wrong.empty:
        return None
    shown = wrong.head(PAIRS)
    heading = f"The most confused {nouns.labels}"
    lead = (
        f"{count(len(shown))} of {count(len(wrong))} pairs that were confused, by the number of "
        f"{nouns.images}, then by {nouns.label}; with more than {MOST_LABELS} {nouns.labels} "
        f"(here {count(n_labels)}) a matrix of all pairs could not be read. The others are in "
        "results/confusion.csv."
    )
    return join([tag("h3", heading), tag("p", lead), table(shown, listed, label=heading)])


def _pictures(study: Study, images: pd.DataFrame) -> Markup | None:
    """The images whose pictures are kept, the wrongly classified ones first."""
    if not study.has("arrays/evaluation_images.npy"):
        return None
    pixels = study.array("evaluation_images")
    kept = images[images["panel"] >= 0].sort_values("panel")
    lines = []
    for correct, heading, rule in (
        (0, WRONG, "with the highest probability"),
        (1, RIGHT, "drawn at random"),
    ):
        shown, of = records(kept[kept["correct"] == correct]), (images["correct"] == correct).sum()
        words = [tag("strong", heading), tag("span", f"{count(len(shown))} of {count(of)}, {rule}")]
        cells = [_picture(one, pixels[int(one["panel"])]) for one in shown]
        if cells:
            samples = tag("div", cells, class_="samples")
            lines.append(tag("li", tag("div", words, class_="words"), samples))
    nouns = study.nouns
    caption = (
        f"Under each {nouns.image} the {nouns.label} that the network gives and its probability; "
        f"where that is wrong, the {nouns.label} shown and the probability given to it."
    )
    return figure(tag("ol", lines, class_="rungs"), caption)


def _picture(one: dict[str, Any], pixels: Any) -> Markup:
    answer = f"{text(one['predicted'])} ({percent(one['probability'])})"
    if one["correct"]:
        words, alt = f"✓ {answer}", f"{text(one['id'])}: rightly classified as {answer}"
    else:
        truth = f"is {text(one['label'])} ({percent(one['label_probability'])})"
        words = f"✕ said {answer}, {truth}"
        alt = f"{text(one['id'])}: wrongly classified as {answer}, {truth}"
    shown = image(pixels, alt=alt)
    return tag(
        "figure",
        shown,
        tag("figcaption", words),
        class_="accepted" if one["correct"] else None,
    )


SECTION = Section(
    title="Right and wrong answers",
    short="Errors",
    stage="evaluation",
    needs=("results/evaluation_images.csv", "results/confusion.csv"),
    tables=TABLES,
    render=render,
)
