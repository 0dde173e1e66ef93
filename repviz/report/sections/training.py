"""Whether the network learned, by images that it did not train on."""

from __future__ import annotations

from repviz.report.html import join
from repviz.report.numbers import count, percent, plain
from repviz.report.parts import chart, field, interval, key, numbers_of
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "training": (
        "epoch train_loss train_accuracy held_out_accuracy held_out_low held_out_high chance "
        "n_train n_held_out learning_rate"
    ),
}

_COLUMNS = (
    field("epoch", "epoch", count),
    field("loss, nats", "train_loss", plain),
    field("trained on", "train_accuracy", percent),
    field("held out", "held_out_accuracy", percent),
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
    who = "people" if study.who == "person" else "labels"
    caption = (
        f"Accuracy on {count(last['n_train'])} training images and on {count(last['n_held_out'])} "
        f"held-out images of the same {who}; the band is the 95 % interval. After epoch "
        f"{count(last['epoch'])}: {percent(last['held_out_accuracy'])} "
        f"({percent(last['held_out_low'])} to {percent(last['held_out_high'])}), chance "
        f"{percent(last['chance'])}."
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
        reading="The network sees the training images again and again and must name them. "
        f"Only the held-out curve says whether it learned {who} and not pictures; the gap "
        "between the curves is what it learned by heart.",
        limits="One short training with one seed: another would end elsewhere by a few images. "
        f"The held-out images show the same {who} under the same conditions, so nothing is said "
        "about strangers or other cameras. Within this run nothing was chosen by the held-out "
        "images; but the recipe’s own rate and shifts were, on the AT&T faces, so for these the "
        "figure flatters a little.",
    )


SECTION = Section(
    title="Learning curves",
    short="Training",
    stage="training",
    needs=("results/training.csv",),
    tables=TABLES,
    render=render,
)
