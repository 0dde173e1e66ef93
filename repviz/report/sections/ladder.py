"""Whether a random point is ever a face: from noise to face, rung by rung."""

from __future__ import annotations

from typing import Any

import numpy as np

from repviz.number_format import count, percent, plain, text
from repviz.report.html import Markup, join, tag
from repviz.report.parts import chart, field, figure, interval, numbers_of
from repviz.report.pictures import image
from repviz.report.sections import Claim, Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "ladder": (
        "order title n accepted rate low high distance_q05 distance_median distance_q95 threshold "
        "calibration_n calibration_quantile seed"
    ),
}

_COLUMNS = (
    field("rung", "title", text),
    field("n", "n", count),
    field("accepted", "accepted", count),
    field("rate", "rate", percent),
    interval("95 % interval", "low", "high", percent),
    field("median distance", "distance_median", plain),
    interval("middle 90 %", "distance_q05", "distance_q95", plain),
    field("threshold", "threshold", plain),
    field("seed", "seed", count),
)


def render(study: Study) -> Content | None:
    """The rungs with their samples, then their distances."""
    table = study.result("ladder", TABLES["ladder"]).sort_values("order")
    if table.empty:
        return None
    first = records(table)[0]
    pixels = study.array("ladder") if study.has("arrays/ladder.npy") else None
    rungs = [
        tag("li", tag("div", _words(row), class_="words"), _samples(row, pixels, place))
        for place, row in enumerate(records(table))
    ]
    judged = (
        f"A sample counts as a face when it lies within {plain(first['threshold'])} (RMS grey "
        "level) of a known face: the distance within which "
        f"{100 * first['calibration_quantile']:g} % of {count(first['calibration_n'])} held-out "
        "calibration faces lie."
    )
    alt = "Distance to the nearest known face for each rung of the ladder."
    body = join(
        [
            figure(tag("ol", rungs, class_="rungs"), judged, class_="wide"),
            chart(
                "ladder",
                table,
                caption="Distance to the nearest known face: median and the middle 90 % of each "
                "rung’s samples.",
                alt=alt,
            ),
            numbers_of("results/ladder.csv", table, _COLUMNS),
        ]
    )
    return Content(
        body,
        reading="Rung by rung the random images know more about faces: first nothing, then how "
        "bright each pixel is, then how pixels go together, then the code of an autoencoder. A "
        "control, the mean face under noise, tests the judge itself. The last rung is real images "
        "that the judge never saw. Where no sample passed, the rate is not zero but at most the "
        "limit given, the upper end of its 95 % interval.",
        limits="The judge measures distance to known faces and nothing else: a blurred average "
        "may pass, a clear face in a new pose may not. It was calibrated on few faces, so its "
        "threshold has an uncertainty of its own. Several of the real faces show one person, so "
        "the last interval is too narrow. It shows how rare faces are among these random images, "
        "not how rare they are as such.",
    )


def _words(row: dict[str, Any]) -> Markup:
    rate = (
        f"at most {percent(row['high'])}"
        if row["accepted"] == 0
        else f"{percent(row['rate'])} ({percent(row['low'])} to {percent(row['high'])})"
    )
    return join(
        [
            tag("strong", row["title"]),
            tag("span", f"{count(row['accepted'])} of {count(row['n'])} accepted"),
            tag("span", rate),
        ]
    )


def _samples(row: dict[str, Any], pixels: np.ndarray | None, place: int) -> Markup | None:
    if pixels is None:
        return None
    pictures = [
        image(one, alt=f"{row['title']}, sample {i + 1}") for i, one in enumerate(pixels[place])
    ]
    return tag("div", pictures, class_="samples")


def claim(study: Study) -> Claim | None:
    """Whether a random image is ever taken for a real one, and how often real ones are."""
    table = study.result("ladder", TABLES["ladder"]).sort_values("order")
    if table.empty:
        return None
    rungs = records(table)
    noise, real, nouns = rungs[0], rungs[-1], study.nouns
    value = f"{count(noise['accepted'])} of {count(noise['n'])}"
    limit = percent(noise["high"])
    answer = (
        f"A random image is not a {nouns.image}: none of {count(noise['n'])} was accepted "
        f"(95 % upper limit {limit})"
        if noise["accepted"] == 0
        else f"{percent(noise['rate'])} of {count(noise['n'])} random images were accepted as "
        f"{nouns.images} (95 % CI {percent(noise['low'])} to {limit})"
    )
    known = f"; {count(real['accepted'])} of {count(real['n'])} real {nouns.images} were."
    picture = None
    if study.has("arrays/ladder.npy"):
        pixels = study.array("ladder")
        shown = [("random pixels", pixels[0, 0]), ("a real image", pixels[-1, 0])]
        picture = join([image(one, alt=alt) for alt, one in shown])
    return Claim(f"Is a random image a {nouns.image}?", value, answer + known, picture)


SECTION = Section(
    claim=claim,
    title="Random images compared with real ones",
    short="Random images",
    stage="ladder",
    needs=("results/ladder.csv",),
    tables=TABLES,
    render=render,
)
