"""What a study found, in sentences with the numbers first; each number stands in a table of it."""

from __future__ import annotations

from typing import Any

from repviz.number_format import percent
from repviz.study_folder import Study


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
    """How often the nearest image is of the same label: trained, untrained, in the pixels."""
    table = study.result("layers").set_index("representation")
    layers = [layer for layer in table["layer"].unique() if f"trained {layer}" in table.index]
    if not layers or table["nearest_same"].isna().any():
        return []
    deepest = layers[-1]
    after: Any = table.loc[f"trained {deepest}"]
    return [
        f"{_nearest(after)} of {after.nearest_n:.0f} held-out images have an image of the same "
        f"{study.nouns.label} nearest in the trained {deepest}, "
        f"{_nearest(table.loc[f'untrained {deepest}'])} in the untrained one and "
        f"{_nearest(table.loc['pixels'])} in the pixels."
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


def layers_findings(study: Study) -> dict[str, list[str]]:
    """What the study of a network's layers found: section to sentences."""
    table = study.result("profile")
    found: dict[str, list[str]] = {"profile": [_profile(table)]}
    if "knn" in table:
        found["profile"] += _readable(table)
    moves = study.result("invariance")
    found["invariance"] = [_moved(moves)]
    if "similarity" in study.manifest["stages"]:
        found["similarity"] = [_alike(study)]
    return found


def _profile(table: Any) -> str:
    sentences = []
    for weights, name in (("trained", "trained"), ("random", "untrained")):
        rows = table[table["weights"] == weights]
        if not rows.empty:
            first, last = rows.iloc[0], rows.iloc[-1]
            sentences.append(
                f"from {first.plateau:.1f} in {first.layer} to {last.plateau:.1f} in {last.layer} "
                f"in the {name} network"
            )
    pixels: Any = table.iloc[0]
    return (
        f"The intrinsic dimension (calibrated, at the scale where it stands still) goes "
        f"{', and '.join(sentences)}; the pixels have {pixels.plateau:.1f} "
        f"[{pixels.plateau_low:.1f}, {pixels.plateau_high:.1f}] ({pixels.n} images)."
    )


def _readable(table: Any) -> list[str]:
    trained = table[table["weights"] == "trained"]
    rows = trained if not trained.empty else table[table["weights"] == "random"]
    best: Any = rows.loc[rows["linear"].idxmax()]
    same = table[(table["layer"] == best.layer) & (table["weights"] == "random")]
    beside = ""
    if best.weights == "trained" and not same.empty:
        other: Any = same.iloc[0]
        beside = (
            f", {percent(other.linear)} [{percent(other.linear_low)}, "
            f"{percent(other.linear_high)}] from the same layer untrained"
        )
    return [
        f"{percent(best.linear)} [{percent(best.linear_low)}, {percent(best.linear_high)}] of "
        f"held-out images are named rightly by a linear reader of {best.representation}{beside}; "
        f"with shuffled labels it is {percent(best.linear_shuffled)}."
    ]


def _moved(moves: Any) -> str:
    last = moves[moves["depth"] == moves["depth"].max()]
    rows = last[last["weights"] == last["weights"].iloc[0]]
    most: Any = rows.loc[rows["relative_displacement"].idxmax()]
    least: Any = rows.loc[rows["relative_displacement"].idxmin()]
    state = "trained" if most.weights == "trained" else "untrained"
    return (
        f"{most.layer} of the {state} network moves most when an image is {most.title}, by "
        f"{most.relative_displacement:.2f} [{most.relative_displacement_low:.2f}, "
        f"{most.relative_displacement_high:.2f}] times what two images "
        f"differ by, and least when it is {least.title}, by {least.relative_displacement:.2f} "
        f"[{least.relative_displacement_low:.2f}, {least.relative_displacement_high:.2f}] "
        f"({most.n} images)."
    )


def _alike(study: Study) -> str:
    table = study.result("similarity")
    layers = [name.removeprefix("trained ") for name in table["one"] if name.startswith("trained ")]
    deepest = layers[-1]
    pair = {f"trained {deepest}", f"untrained {deepest}"}
    row: Any = table[[{a, b} == pair for a, b in zip(table["one"], table["other"], strict=True)]]
    found: Any = row.iloc[0]
    return (
        f"{found.cka:.2f} is the similarity (debiased CKA) of the trained {deepest} and the "
        f"untrained one; shuffled images stay below {found.null:.2f} ({found.n} images)."
    )


def _rate(row: Any) -> str:
    return f"{percent(row.rate)} [{percent(row.low)}, {percent(row.high)}]"


def _dimension(row: Any) -> str:
    return f"{row.dimension:.1f} [{row.dimension_low:.1f}, {row.dimension_high:.1f}]"


def _nearest(row: Any) -> str:
    return f"{percent(row.nearest_same)} [{percent(row.nearest_low)}, {percent(row.nearest_high)}]"
