"""Intrinsic dimension and label decoding over the depth of a network."""

from __future__ import annotations

from typing import Any

from repviz.number_format import count, percent, plain, text
from repviz.report.html import join
from repviz.report.parts import chart, field, interval, numbers_of, reductions, series_keys
from repviz.report.sections import Content, Section
from repviz.study_folder import Study
from repviz.weight_kinds import WEIGHT_KINDS, studied_kind

TABLES = {
    "profile": (
        "representation model weights layer depth n dimension dimension_calibrated "
        "dimension_calibrated_low dimension_calibrated_high plateau plateau_low plateau_high "
        "plateau_from plateau_to danco danco_calibrated_low danco_calibrated_high "
        "gaussian_calibrated gaussian_calibrated_low gaussian_calibrated_high"
    ),
}

_SHAPE = (
    field("representation", "representation", text),
    field("n", "n", count),
    field("TwoNN, calibrated", "dimension_calibrated", plain),
    interval("95 % interval", "dimension_calibrated_low", "dimension_calibrated_high", plain),
    field("raw", "dimension", plain),
    field("Gaussian control", "gaussian_calibrated", plain),
    interval("95 % interval", "gaussian_calibrated_low", "gaussian_calibrated_high", plain),
    field("GRIDE plateau", "plateau", plain),
    interval("95 % interval", "plateau_low", "plateau_high", plain),
    field("from m", "plateau_from", count),
    field("to m", "plateau_to", count),
    field("DANCo", "danco", plain),
    interval("95 % interval", "danco_calibrated_low", "danco_calibrated_high", plain),
)
_READ = (
    field("5-nearest-neighbour probe", "knn", percent),
    interval("95 % interval", "knn_low", "knn_high", percent),
    field("linear probe", "linear", percent),
    interval("95 % interval", "linear_low", "linear_high", percent),
    field("linear, shuffled", "linear_shuffled", percent),
    field("most frequent label", "chance", percent),
)


def render(study: Study) -> Content | None:
    """The curves with their controls, and the table."""
    table = study.result("profile", TABLES["profile"])
    reads = "linear" in table and bool(table["linear"].notna().any())
    labels = (
        " Second: accuracy of a linear probe on held-out images (five-fold); dashed, with "
        "shuffled labels."
        if reads
        else ""
    )
    caption = (
        f"First: calibrated intrinsic dimension (TwoNN), n = {count(table['n'].max())} images, "
        "with 95 % intervals of sampling and model error; dashed, Gaussian rows of the same "
        f"covariance.{labels}{reductions(study)}"
    )
    alt = "Intrinsic dimension over the depth of the network, by kind of weights."
    body = join(
        [
            chart("profile", table, caption=caption, alt=alt, keys=series_keys(table)),
            numbers_of("results/profile.csv", table, (*_SHAPE, *(_READ if reads else ()))),
        ]
    )
    return Content(
        body,
        reading="The dashed line is a Gaussian control with the same covariance: how far the "
        "images lie below it is structure beyond the covariance, such as curvature."
        f"{_reading(table)}",
        limits="The estimate counts directions at the scale of the images’ spacing; with few "
        "images that scale is coarse. The intervals hold the model error as far as twelve "
        "reference families of known dimension show it. A probe that fails may be too simple; it "
        "does not show that the layer lacks the labels.",
    )


def _reading(table: Any) -> str:
    """What the untrained control shows, where it is there."""
    kinds = set(table["weights"])
    studied = WEIGHT_KINDS[studied_kind(kinds)]
    if "untrained" not in kinds or studied is WEIGHT_KINDS["untrained"]:
        return ""
    return (
        f" What only {studied.network} has {studied.credit}; what the untrained one has too is due "
        "to the architecture."
    )


SECTION = Section(
    title="Intrinsic dimension and label decoding over depth",
    short="Depth profile",
    stage="profile",
    needs=("results/profile.csv",),
    tables=TABLES,
    render=render,
)
