"""Reconstruction error against the size of the bottleneck."""

from __future__ import annotations

import pandas as pd

from repviz.number_format import count, percent, plain, text
from repviz.report.html import Markup, join
from repviz.report.parts import chart, field, interval, key, numbers_of, unseen_images
from repviz.report.sections import Claim, Content, Section
from repviz.report.sections.reconstructions import TABLES as RECONSTRUCTIONS
from repviz.report.sections.reconstructions import beside_the_curve
from repviz.study_folder import Study, records

TABLES = {
    "sweep": (
        "engine engine_title engine_label colour_role is_baseline bottleneck n_train n_test "
        "groups_test mse mse_low mse_high psnr ssim ratio ratio_low ratio_high baseline_title "
        "left_out pca_equivalent n_seeds split_by n_splits"
    ),
    "baselines": "engine engine_label bottleneck baseline_title ratio ratio_low ratio_high n_test",
    **RECONSTRUCTIONS,
}
_COLUMNS = (
    field("engine", "engine", text),
    field("size", "bottleneck", count),
    field("mean squared error", "mse", plain),
    interval("95 % interval", "mse_low", "mse_high", plain),
    field("PSNR, dB", "psnr", plain),
    field("SSIM", "ssim", plain),
    field("error / best PCA’s", "ratio", plain),
    interval("95 % interval", "ratio_low", "ratio_high", plain),
    field("best PCA", "baseline_title", text),
    field("PCA needs", "pca_equivalent", plain),
    field("n test", "n_test", count),
    field("seeds", "n_seeds", count),
)
_BASELINES = (
    field("engine", "engine", text),
    field("size", "bottleneck", count),
    field("baseline", "baseline_title", text),
    field("error / baseline’s", "ratio", plain),
    interval("95 % interval", "ratio_low", "ratio_high", plain),
    field("n test", "n_test", count),
)


def render(study: Study) -> Content | None:
    """The rate-distortion figure and its tables."""
    table = study.result("sweep", TABLES["sweep"])
    if table.empty:
        return None
    first = records(table)[0]
    clustered = first["groups_test"] < first["n_test"]
    resampled = f"their {study.nouns.units}" if clustered else "those images"
    seeds, splits = int(table["n_seeds"].max()), int(first["n_splits"])
    how = f"leaving out one of {resampled} at a time"
    if splits > 1:
        how = f"{splits} splits into training and test images, each with trainings of its own"
    elif seeds > 1:
        how = f"resampling {resampled} and the {seeds} trainings"
    have_pixels = bool(study.manifest["images"].get("size"))  # rows of a matrix have none
    unit = "grey level², black 0, white 1" if have_pixels else "square of the features’ unit"
    caption = f"Error on {unseen_images(study)} ({unit}); bands are 95 % intervals from {how}."
    alt = (
        "Reconstruction error against bottleneck size, and its ratio to the error of the best PCA."
    )
    baselines = study.result("baselines", TABLES["baselines"])
    body = join(
        [
            chart("sweep", table, caption=caption, alt=alt, keys=engine_keys(table)),
            beside_the_curve(study, table.drop_duplicates("engine")),
            numbers_of("results/sweep.csv", table, _COLUMNS),
            numbers_of("results/baselines.csv", baselines, _BASELINES),
        ]
    )
    training = (
        "once, with one seed, for a short and fixed time, so another training may end lower or "
        "higher than the band"
        if seeds == splits == 1
        else f"with {seeds * splits} seeds, for a short and fixed time: longer trainings may end "
        "lower"
    )
    left_out = sorted(set(table["left_out"].dropna()) - {""})
    missing = f" No ratio stands where {left_out[0]}." if left_out else ""
    begins = " A linear-start autoencoder begins as PCA and learns corrections to it."
    begins = begins if "linear-start" in set(table["engine"]) else ""
    return Content(
        body,
        reading="Each image is reduced to as many numbers as the axis says, and reconstructed "
        "from them alone. First: the error that remains, lower is better. Then: an "
        "autoencoder’s error as a multiple of that of the best PCA with as many numbers; below 1 "
        "it is ahead. PCA is fitted to the training images alone, with the validation images, or "
        f"with shifted copies; the best has the lowest test error.{missing}{begins} “PCA needs”: "
        "how many components PCA needs for the same error; SSIM: structural similarity (1: "
        "nothing is lost). Costs are in manifest.json.",
        limits="The error counts grey levels, not similarity to the eye: a blurred image "
        "scores well. The "
        f"autoencoders were trained {training}; their recipe was chosen on the ORL collection. A "
        "curve like this has no elbow of its own, so it names no right size.",
    )


def claim(study: Study) -> Claim | None:
    """The error at the middle size relative to PCA's; None where a criterion chooses the size."""
    table = study.result("sweep", TABLES["sweep"])
    compared = table[~table["is_baseline"] & table["ratio"].notna() & table["ratio_low"].notna()]
    if compared.empty or study.has("results/choices.csv"):
        return None
    sizes = sorted(table["bottleneck"].unique())
    middle = compared[compared["bottleneck"] == sizes[len(sizes) // 2]]
    row = records(middle if len(middle) else compared)[-1]
    low, high = row["ratio_low"], row["ratio_high"]
    numbers = f"{count(row['bottleneck'])} numbers per {study.nouns.image}"
    if low <= 1 <= high:
        value, said = plain(row["ratio"]), f"{plain(row['ratio'])} times"
        ends, verdict = f"{plain(low)} to {plain(high)}", ": no difference is shown"
    else:
        side = "below" if high < 1 else "above"
        value = f"{percent(abs(1 - row['ratio']), 0)} {side} PCA"
        said, verdict = f"{percent(abs(1 - row['ratio']), 0)} {side}", ""
        ends = " to ".join(percent(one, 0) for one in sorted((abs(1 - low), abs(1 - high))))
    sentence = (
        f"With {numbers} the squared error of {row['engine_title']} is {said} that of the best "
        f"PCA (95 % CI {ends}; {count(row['n_test'])} test images){verdict}."
    )
    return Claim("Does an autoencoder reconstruct better than PCA?", value, sentence)


def engine_keys(table: pd.DataFrame) -> list[Markup]:
    """The legend of the engines in ``table``: the title of each, after a label not in it."""
    keys = []
    for row in records(table.drop_duplicates("engine")):
        label, title = row["engine_label"], row["engine_title"]
        is_named = f" {label} " in f" {title} "
        keys.append(key(row["colour_role"], title if is_named else f"{label}: {title}"))
    return keys


SECTION = Section(
    claim=claim,
    title="Reconstruction error by bottleneck size",
    short="Reconstruction error",
    stage="sweep",
    needs=("results/sweep.csv",),
    tables=TABLES,
    render=render,
)
