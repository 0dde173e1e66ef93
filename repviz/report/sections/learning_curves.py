"""Whether the trainings of the autoencoders had converged: their errors, epoch by epoch."""

from __future__ import annotations

from repviz.number_format import count, plain, text
from repviz.report.html import join
from repviz.report.parts import chart, field, key, numbers_of, warnings
from repviz.report.sections import Content, Section
from repviz.study_folder import Study

TABLES = {
    "learning_curves": (
        "engine engine_label colour_role bottleneck seed epoch step train_mse validation_mse "
        "is_relative selected"
    ),
    "sweep": "engine engine_label bottleneck warnings",
}
_COLUMNS = (
    field("engine", "engine", text),
    field("size", "bottleneck", count),
    field("seed", "seed", count),
    field("epochs", "epochs", count),
    field("steps", "steps", count),
    field("selected epoch", "epoch", count),
    field("training error then", "train_mse", plain),
    field("validation error then", "validation_mse", plain),
)


def render(study: Study) -> Content | None:
    """The learning curves, those that had not converged, and where each training ended."""
    table = study.result("learning_curves", TABLES["learning_curves"])
    if table.empty:
        return None
    sweep = study.result("sweep", TABLES["sweep"])
    names = [
        f"{label}, {size} numbers"
        for label, size in zip(sweep["engine_label"], sweep["bottleneck"], strict=True)
    ]
    falling = int((sweep["warnings"] != "").sum())
    trained = int(sweep["engine"].isin(table["engine"]).sum())
    trainings = table.groupby(["engine", "bottleneck", "seed"], sort=False)
    lengths = trainings.agg(epochs=("epoch", "max"), steps=("step", "max")).reset_index()
    ends = table[table["selected"]].merge(lengths, on=["engine", "bottleneck", "seed"])
    keys = [
        key(row["colour_role"], f"{row['engine_label']}: validation images")
        for _, row in table.drop_duplicates("engine").iterrows()
    ]
    caption = (
        "Mean squared error after each epoch of each training; the number is the bottleneck, the "
        "dot the epoch whose weights were selected."
    )
    alt = "Training and validation error of each autoencoder against the training step."
    drawn = chart(
        "learning_curves",
        table,
        caption=caption,
        alt=alt,
        keys=[*keys, key("muted", "training images")],
    )
    relative = (
        " The code of “prefix” shrinks while it is trained, so its curve is a multiple of PCA’s "
        "error at the size of that step, and shows no convergence."
        if table["is_relative"].any()
        else ""
    )
    if study.has("results/found_sizes.csv"):
        relative += (
            " The codes of engines that find a size shrink while they are trained, so that their "
            "error may rise; their last weights are selected."
        )
    return Content(
        join(
            [
                warnings(names, sweep["warnings"]),
                drawn,
                numbers_of("results/learning_curves.csv", ends, _COLUMNS),
            ]
        ),
        reading="A validation error that still falls when the training ends means that a longer "
        "training may end lower: what the sweep shows of that size is then not the limit of the "
        "network. A validation error that rises again means overfitting; the epoch before is "
        f"selected.{relative}",
        limits="The learning rate falls to zero towards the end, and the curve flattens with it: "
        "a flat end does not prove that a longer training would end at the same error. The "
        "training error is that of the epoch’s steps, with the noise of its augmentation, "
        "dropout and changing weights. The curves are of the first split.",
        title=f"{falling} of {trained} trainings had not converged" if falling else "",
    )


SECTION = Section(
    title="Convergence of the autoencoders",
    short="Convergence",
    stage="sweep",
    needs=("results/learning_curves.csv",),
    tables=TABLES,
    render=render,
)
