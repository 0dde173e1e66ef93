"""Interactive decoder: the page decodes any code that the reader sets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from repviz.number_format import count, missing, plain
from repviz.report.blocks import as_json, block
from repviz.report.html import Child, Markup, join, tag
from repviz.report.parts import figure
from repviz.report.pictures import image, sheet
from repviz.report.sections import Content, Section
from repviz.report.thumbnails import ARRAY, ID, thumbnail_grid
from repviz.study_folder import Study, records

TABLES = {
    "decoders": (
        "engine engine_title bottleneck components hidden layers directions difference "
        "distance_q05 distance_q95 n_test n_known left_out"
    ),
    "images": "row id label",
    "ladder": "distance_limit_low distance_limit_high",
}
SLIDERS = 6  # principal directions that can be moved
KNOWN_AREA = 600_000  # pixels of the sheet of known images


def render(study: Study) -> Content | None:
    """The controls with the decoders; without JavaScript and on paper, one image at every size."""
    rows = records(study.result("decoders", TABLES["decoders"]))
    if not missing(rows[0]["left_out"]):
        return Content(tag("p", f"No decoder runs in this page: {rows[0]['left_out']}."))
    nouns, first = study.nouns, rows[0]
    limits, source = _limits(study, first)
    largest = max(row["difference"] for row in rows)
    caption = (
        f"Decoded in the browser by {first['engine_title']}, with the weights of this study "
        f"rounded to 8 bits: over {count(first['n_test'])} test images and all sizes no pixel "
        f"differs by more than {plain(largest, 2)} of 255 grey levels. Each slider moves the code "
        "along a principal direction of the training codes, in standard deviations; beside it its "
        "share of their variance. PCA has as many components as the code has numbers. Distances "
        f"to the nearest of {count(first['n_known'])} known {nouns.images} are RMS grey levels."
    )
    return Content(
        figure(
            join(
                [
                    tag(
                        "div",
                        _choices(study),
                        _panels(study),
                        _said(),
                        class_="decoder",
                        id="decode",
                    ),
                    _strip(study, rows),
                    _data(study, rows, limits, source),
                ]
            ),
            caption,
            class_="broad",
        ),
        reading=f"Every {nouns.image} to choose from is a test image, which neither the "
        "autoencoder nor PCA was fitted to. A random point of pixel space has independent, uniform "
        "pixels; a random code is Gaussian with the mean and covariance of the training codes.",
        limits=f"The verdict rests on the distance to the nearest known {nouns.image} alone "
        f"({source}); the other judges do not run in the page. It has decoders and no "
        "encoder, so it cannot reconstruct an image of your own.",
    )


def _limits(study: Study, first: dict[str, Any]) -> tuple[list[float], str]:
    """The distances that count as those of a real image, and where they come from."""
    nouns = study.nouns
    if study.has("results/ladder.csv"):
        rung = records(study.result("ladder", TABLES["ladder"]))[0]
        limits = [rung["distance_limit_low"], rung["distance_limit_high"]]
        if np.isfinite(limits).all():
            return limits, "the distances that the judges accept"
    limits = [first["distance_q05"], first["distance_q95"]]
    return limits, f"the middle 90 % of {count(first['n_test'])} test {nouns.images}"


def _choices(study: Study) -> Markup:
    shown = _ids(study)[: len(study.array("decoder_images"))]
    options = [tag("option", one, value=place) for place, one in enumerate(shown)]
    last = len(study.result("decoders", TABLES["decoders"])) - 1
    return tag(
        "div",
        tag(
            "label", f"{study.nouns.image.capitalize()} ", tag("select", options, id="decode-image")
        ),
        tag(
            "label",
            "Code size ",
            tag("input", type="range", id="decode-size", min=0, max=last, step=1, value=last),
            " ",
            tag("output", id="decode-size-said"),
        ),
        tag("button", "Random pixels", type="button", id="decode-pixels"),
        tag("button", "Random code", type="button", id="decode-code"),
        tag("button", "Reset", type="button", id="decode-reset"),
        class_="under choices",
    )


def _panels(study: Study) -> Markup:
    height, width = study.array("decoder_images").shape[-2:]

    def panel(name: str) -> Markup:
        canvas = tag("canvas", id=f"decode-{name}", role="img", width=width, height=height)
        return tag("figure", canvas, tag("figcaption", id=f"decode-{name}-said"))

    return tag("div", [panel(one) for one in ("given", "drawn", "pca", "near")], class_="pictures")


def _said() -> Child:
    return [
        tag("p", id="decode-said", aria_live="polite"),
        tag("div", id="decode-sliders", class_="sliders"),
    ]


def _strip(study: Study, rows: list[dict[str, Any]]) -> Markup:
    """One test image, then decoded at each size, where nothing can be moved."""
    names = ["original", *(f"{count(row['bottleneck'])} numbers" for row in rows)]
    pictures = [
        tag("figure", image(pixels, alt=f"A test image, {name}"), tag("figcaption", name))
        for name, pixels in zip(names, study.array("decoder_strip"), strict=True)
    ]
    return tag("div", pictures, class_="pictures still")


def _ids(study: Study) -> list[str]:
    """The ids of the images that can be chosen, then of the known ones."""
    table = study.result("images", TABLES["images"]).set_index("row")
    return [str(one) for one in table["id"].loc[study.array("decoder_rows")]]


def _data(study: Study, rows: list[dict[str, Any]], limits: list[float], source: str) -> Markup:
    pixels, of_rows = study.array("decoder_images"), study.array("decoder_rows")
    named = _ids(study)
    sheets = {"decode-sheet": sheet(pixels, quality=90)}
    known, place = of_rows[len(pixels) :], thumbnail_grid(study)
    if place is None:
        thumbnails = sheet(study.array(ARRAY)[known], area=KNOWN_AREA)
        sheets["decode-known-sheet"] = thumbnails
        known, place = np.arange(len(known)), thumbnails.grid
    nouns = study.nouns
    words = {
        "shape": pixels.shape[1:],
        "sizes": [row["bottleneck"] for row in rows],
        "components": [row["components"] for row in rows],
        "hidden": [row["hidden"] for row in rows],
        "layers": [row["layers"] for row in rows],
        "directions": [row["directions"] for row in rows],
        "sliders": SLIDERS,
        "shown": named[: len(pixels)],
        "rows": of_rows[: len(pixels)].tolist(),
        "known": named[len(pixels) :],
        "limits": limits,
        "source": source,
        "image": nouns.image,
        "images": nouns.images,
        "near": known.tolist(),
        "sheets": [
            ["decode-sheet", asdict(sheets["decode-sheet"].grid)],
            ["decode-known-sheet" if len(sheets) > 1 else ID, asdict(place)],
        ],
    }
    arrays = ("weights", "floats", "codes", "errors", "known", "known_floats")
    return join(
        [
            *(
                tag("img", src=one.uri, alt="", id=name, hidden=True)
                for name, one in sheets.items()
            ),
            block("decode-words", as_json(words)),
            *(block(f"decode-{name}", study.array(f"decoder_{name}").tobytes()) for name in arrays),
        ]
    )


SECTION = Section(
    title="Try it: set a code and see what it draws",
    short="Try the decoder",
    stage="decoders",
    needs=("results/decoders.csv", "results/images.csv", "arrays/thumbnails.npy"),
    tables=TABLES,
    render=render,
)
