"""What a study found, in sentences with the numbers first; each number stands in a table of it."""

from __future__ import annotations

from typing import Any

from repviz.report.numbers import percent
from repviz.studies.folder import Study

AUTOENCODERS = {
    "linear-start": "the autoencoder that starts at PCA",
    "conv": "the plain convolutional autoencoder",
}


def sweep_findings(study: Study) -> list[str]:
    """How far each autoencoder got below PCA's error, and where it did not."""
    table = study.result("sweep")
    unseen = "new labels" if table["split"].iloc[0] == "label" else "new images"
    sentences = []
    for engine, name in AUTOENCODERS.items():
        of = table[table["engine"] == engine]
        if of.empty:
            continue
        ranked = of.sort_values("ratio", kind="stable")
        best: Any = ranked.iloc[0]
        worst: Any = ranked.iloc[-1]
        ahead = int((of["ratio_high"] < 1).sum())
        sentences.append(
            f"{_ratio(best)} times PCA's squared error is the best of {name}, with "
            f"{best.bottleneck} numbers an image; its worst is {_ratio(worst)} times, with "
            f"{worst.bottleneck}. Its interval lies below PCA's error at {ahead} of {len(of)} "
            f"sizes ({best.n_test} test images of {best.groups_test} {unseen})."
        )
    return sentences


def training_findings(study: Study) -> list[str]:
    """How many held-out images the trained AlexNet names rightly."""
    if "training" in study.manifest["skipped"]:
        return []
    last: Any = study.result("training").iloc[-1]
    return [
        f"{percent(last.held_out_accuracy)} [{percent(last.held_out_low)}, "
        f"{percent(last.held_out_high)}] of {last.n_held_out:.0f} held-out images are named "
        f"rightly by the paper's AlexNet after {last.epoch:.0f} epochs on {last.n_train:.0f} "
        f"images; guessing gets {percent(last.chance)}."
    ]


def layer_findings(study: Study) -> list[str]:
    """The dimension of the pixels and of the code, and what training did to the last layer."""
    table = study.result("layers").set_index("representation")
    pixels: Any = table.loc["pixels"]
    code: Any = table[table["model"] == "autoencoder"].iloc[0]
    sentences = [
        f"{_dimension(pixels)} is the intrinsic dimension (TwoNN) of {pixels.n} images that have "
        f"{pixels.d:,} pixels each; of their {code.d}-number codes it is {_dimension(code)}."
    ]
    layers = [layer for layer in table["layer"].unique() if f"trained {layer}" in table.index]
    if layers and "nearest_same" in table and table["nearest_same"].notna().all():
        deepest = layers[-1]
        after: Any = table.loc[f"trained {deepest}"]
        before: Any = table.loc[f"untrained {deepest}"]
        sentences.append(
            f"{_nearest(after)} of {after.nearest_n:.0f} held-out images have the same person "
            f"nearest in the trained {deepest}, {_nearest(before)} in the untrained one and "
            f"{_nearest(pixels)} in the pixels."
        )
    return sentences


def ladder_findings(study: Study) -> list[str]:
    """How often a random point is taken for a face, and how often a face is."""
    rungs = study.result("ladder").set_index("rung")
    noise: Any = rungs.loc["uniform-pixels"]
    face: Any = rungs.loc["held-out-faces"]
    rate = f"at most {percent(noise.high)}" if noise.accepted == 0 else percent(noise.rate)
    sentences = [
        f"{noise.accepted} of {noise.n:,} random points of the pixel space pass as a face "
        f"({rate}, 95 % limit), {face.accepted} of {face.n} held-out faces do."
    ]
    gaussian: Any = rungs.loc["full-covariance-gaussian"]
    codes: Any = rungs.loc["decoded-codes"]
    control: Any = rungs.loc["mean-face-plus-noise"]
    sentences.append(
        f"{_rate(gaussian)} of points whose pixels vary together as in faces and {_rate(codes)} of "
        f"random codes, decoded, pass as well; but so does {percent(control.rate)} of the mean "
        "face under noise, so passing means near to faces in pixels and no more."
    )
    return sentences


def _ratio(row: Any) -> str:
    return f"{row.ratio:.2f} [{row.ratio_low:.2f}, {row.ratio_high:.2f}]"


def _rate(row: Any) -> str:
    return f"{percent(row.rate)} [{percent(row.low)}, {percent(row.high)}]"


def _dimension(row: Any) -> str:
    return f"{row.dimension:.1f} [{row.dimension_low:.1f}, {row.dimension_high:.1f}]"


def _nearest(row: Any) -> str:
    return f"{percent(row.nearest_same)} [{percent(row.nearest_low)}, {percent(row.nearest_high)}]"
