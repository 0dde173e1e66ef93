"""What a study found, in sentences with the numbers first; each number stands in a table of it."""

from __future__ import annotations

from typing import Any

from repviz.report.numbers import percent
from repviz.studies.engines import ENGINES
from repviz.studies.folder import Study


def sweep_findings(study: Study, k: int | None = None) -> list[str]:
    """Each autoencoder's error against PCA's at ``k`` numbers, and its range over all sizes.

    ``k`` is chosen before the results are seen; the middle size where it is not given.
    """
    table = study.result("sweep")
    sizes = sorted(table["bottleneck"].unique())
    k = k or sizes[len(sizes) // 2]
    sentences = []
    for engine in reversed([engine for engine in ENGINES.values() if engine.name != "pca"]):
        of = table[table["engine"] == engine.name]
        if of.empty:
            continue
        row: Any = of[of["bottleneck"] == k].iloc[0]
        span = (
            f"; over the sizes from {sizes[0]} to {sizes[-1]} the ratio runs from "
            f"{of['ratio'].min():.2f} to {of['ratio'].max():.2f}"
        )
        groups = f" of {row.groups_test} labels not trained on" if row.split == "label" else ""
        sentences.append(
            f"{_ratio(row)} times PCA's squared error is left by {engine.title} with {k} numbers "
            f"an image{span if len(sizes) > 1 else ''} ({row.n_test} test images{groups})."
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


def dimension_findings(study: Study) -> list[str]:
    """The dimension of the pixels, of the code and of the deepest layer."""
    table = study.result("layers").set_index("representation")
    pixels: Any = table.loc["pixels"]
    code: Any = table[table["model"] == "autoencoder"].iloc[0]
    deep = [name for name in table.index if table.loc[name, "model"] == "alexnet"][-1]
    return [
        f"{_dimension(pixels)} is the intrinsic dimension (TwoNN) of {pixels.n} images of "
        f"{pixels.d:,} pixels each; of their {code.d}-number codes it is {_dimension(code)}, of "
        f"{deep}'s {table.loc[deep, 'd']:,} numbers {_dimension(table.loc[deep])}."
    ]


def identity_findings(study: Study) -> list[str]:
    """How often the nearest image shows the same label: trained, untrained, in the pixels."""
    table = study.result("layers").set_index("representation")
    layers = [layer for layer in table["layer"].unique() if f"trained {layer}" in table.index]
    if not layers or table["nearest_same"].isna().any():
        return []
    deepest = layers[-1]
    after: Any = table.loc[f"trained {deepest}"]
    return [
        f"{_nearest(after)} of {after.nearest_n:.0f} held-out images have an image of the same "
        f"label nearest in the trained {deepest}, {_nearest(table.loc[f'untrained {deepest}'])} in "
        f"the untrained one and {_nearest(table.loc['pixels'])} in the pixels."
    ]


def ladder_findings(study: Study) -> list[str]:
    """How often a random point is taken for one of the images, and how often an image is."""
    rungs = study.result("ladder").set_index("rung")
    noise: Any = rungs.loc["uniform-pixels"]
    held: Any = rungs.loc["held-out-faces"]
    control: Any = rungs.loc["mean-face-plus-noise"]
    rate = f"at most {percent(noise.high)}" if noise.accepted == 0 else _rate(noise)
    weak = (
        f" But {percent(control.rate)} of the control pass too, the mean image under noise: "
        "passing means near in pixels, and no more."
    )
    return [
        f"{noise.accepted} of {noise.n:,} random points of the pixel space pass as one of the "
        f"images ({rate}, 95 % interval); {held.accepted} of {held.n} held-out images do.",
        f"{_rate(rungs.loc['full-covariance-gaussian'])} of random points whose pixels vary "
        f"together as in the images pass, and {_rate(rungs.loc['decoded-codes'])} of random codes, "
        f"decoded.{weak if control.rate > 0.5 else ''}",
    ]


def _ratio(row: Any) -> str:
    if row.ratio_low != row.ratio_low:  # NaN: one label in the test says nothing about others
        return f"{row.ratio:.2f} [no interval]"
    return f"{row.ratio:.2f} [{row.ratio_low:.2f}, {row.ratio_high:.2f}]"


def _rate(row: Any) -> str:
    return f"{percent(row.rate)} [{percent(row.low)}, {percent(row.high)}]"


def _dimension(row: Any) -> str:
    return f"{row.dimension:.1f} [{row.dimension_low:.1f}, {row.dimension_high:.1f}]"


def _nearest(row: Any) -> str:
    return f"{percent(row.nearest_same)} [{percent(row.nearest_low)}, {percent(row.nearest_high)}]"
