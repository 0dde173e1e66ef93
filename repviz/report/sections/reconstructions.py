"""Reconstructions of the same images from codes of increasing size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from repviz.number_format import count, listed, plain, text
from repviz.report.html import Markup, join, tag
from repviz.report.parts import figure, scrolling, unseen_images
from repviz.report.pictures import image
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "reconstruction_images": "position row id pick",
    "reconstruction_panels": "panel engine engine_label bottleneck",
    "sweep_images": "engine bottleneck row mse",
}


def render(study: Study) -> Content | None:
    """One row per image and engine, one column per bottleneck size."""
    shown = study.result("reconstruction_images", TABLES["reconstruction_images"]).sort_values(
        "position"
    )
    panels = study.result("reconstruction_panels", TABLES["reconstruction_panels"])
    if panels.empty or shown.empty:
        return None
    grid = _grid(study, records(panels))
    first = shown.drop_duplicates("pick")
    others = shown.drop(first.index.union(_beside_the_curve(shown).index))
    caption = (
        f"Some of the {unseen_images(study)}, reconstructed by each engine at the size "
        "above the column; under each its mean squared error (grey level²). Not chosen by eye: "
        f"the best, median and worst by {_ranking(study, records(panels))}."
    )
    more = tag("details", tag("summary", "More images"), grid.table(others))
    return Content(
        join([figure(grid.table(first), caption), None if others.empty else more]),
        reading="Read along a row: what comes back first is what all these images share, then "
        "light and pose, and last what makes one of them itself. Read down the rows of an image "
        "for what an autoencoder adds to PCA.",
        limits="A few images stand for the whole test set; the errors of all of them are in "
        "results/sweep_images.csv. A picture that looks sharper is not always nearer to the "
        "original.",
    )


def beside_the_curve(study: Study, engines: pd.DataFrame) -> Markup | None:
    """One test image at every size, by the last autoencoder and by PCA; None where none is kept.

    It is another image than those that the section shows unfolded, where there are enough.

    Parameters
    ----------
    study : Study
        A sweep.
    engines : DataFrame
        ``engine``, ``engine_title`` and ``is_baseline`` of each.
    """
    if not study.has(*SECTION.needs):
        return None
    panels = records(study.result("reconstruction_panels", TABLES["reconstruction_panels"]))
    shown = study.result("reconstruction_images", TABLES["reconstruction_images"])
    baselines = set(engines.loc[engines["is_baseline"], "engine"])
    drawn = dict.fromkeys(panel["engine"] for panel in panels if panel["engine"] != "original")
    chosen = [name for name in drawn if name not in baselines][-1:]
    chosen += [name for name in drawn if name in baselines][:1]
    if shown.empty or not chosen:
        return None
    grid, titles = _grid(study, panels), engines.set_index("engine")["engine_title"]
    grid = replace(grid, labels={name: grid.labels[name] for name in chosen})
    one = _beside_the_curve(shown.sort_values("position"))
    caption = (
        f"One of the {unseen_images(study)}, reconstructed from as many numbers as stand above "
        f"the column by {listed([text(titles[name]) for name in chosen])}; under each its mean "
        f"squared error. Not chosen by eye: {records(one)[0]['pick']} by "
        f"{_ranking(study, panels)}; where two are, the other stands among the reconstructions."
    )
    return figure(grid.table(one), caption)


def _beside_the_curve(shown: pd.DataFrame) -> pd.DataFrame:
    """The image that stands under the error curve: the last of median error."""
    median = shown[shown["pick"] == "median"]
    return (median if len(median) else shown).tail(1)


def _ranking(study: Study, panels: list[dict[str, Any]]) -> str:
    """The error by which the images were chosen: that of the last engine drawn."""
    titles = study.result("sweep", "engine engine_title").set_index("engine")["engine_title"]
    named = {str(engine): str(title) for engine, title in titles.items()}
    last = panels[-1]
    return f"the mean error over all sizes of {named.get(last['engine'], last['engine_label'])}"


@dataclass(frozen=True)
class _Grid:
    """Which panel shows which engine and size, and how large its error is."""

    pixels: np.ndarray  # (panels, positions, h, w) or (panels, positions, 3, h, w), uint8
    labels: dict[str, str]  # engine -> its label, in the order of the rows
    sizes: list[int]
    panels: dict[tuple[str, int], int]
    original: int  # the panel of the images themselves
    errors: dict[tuple[str, int, int], float]

    def table(self, shown: pd.DataFrame) -> Markup:
        """The images ``shown``, one under the other."""
        head = tag(
            "tr",
            tag("th", "original", scope="col"),
            tag("th", tag("span", "drawn by", class_="unseen")),
            [tag("th", count(size), scope="col") for size in self.sizes],
        )
        body = [self._rows(one) for one in records(shown)]
        wide = 34 + 98 * (1 + len(self.sizes))  # CSS pixels: few sizes do not fill the page
        whole = tag("table", tag("thead", head), body, class_="panels", width=wide)
        return scrolling(whole, "Reconstructions")

    def _rows(self, one: dict[str, Any]) -> Markup:
        """The rows of one image: the original beside one row per engine."""
        original = self.pixels[self.original, one["position"]]
        first = tag(
            "th",
            image(original, alt=f"original {one['id']}"),
            tag("span", one["pick"], class_="pick"),
            tag("span", one["id"]),
            rowspan=len(self.labels),
            scope="rowgroup",
        )
        rows: list[Markup] = []
        for engine in self.labels:
            label = tag("span", self.labels[engine])
            cells = [self._cell(one, engine, size) for size in self.sizes]
            head = tag("th", label, scope="row", class_="engine")
            rows.append(tag("tr", None if rows else first, head, cells))
        return tag("tbody", rows, data_row=one["row"])

    def _cell(self, one: dict[str, Any], engine: str, size: int) -> Markup:
        panel = self.panels.get((engine, size))
        if panel is None:
            return tag("td")
        error = self.errors.get((engine, size, one["row"]))
        drawn = image(
            self.pixels[panel, one["position"]],
            alt=f"{one['id']} drawn by {engine} from {size} numbers, squared error "
            f"{plain(error, 2)}",
        )
        return tag("td", drawn, tag("span", plain(error, 2)))


def _grid(study: Study, panels: list[dict[str, Any]]) -> _Grid:
    errors = (
        records(study.result("sweep_images", TABLES["sweep_images"]))
        if study.has("results/sweep_images.csv")
        else []
    )
    drawn = [panel for panel in panels if panel["engine"] != "original"]
    return _Grid(
        study.array("reconstructions"),
        {panel["engine"]: panel["engine_label"] for panel in drawn},
        sorted({int(panel["bottleneck"]) for panel in drawn}),
        {(panel["engine"], int(panel["bottleneck"])): panel["panel"] for panel in drawn},
        next(panel["panel"] for panel in panels if panel["engine"] == "original"),
        {(row["engine"], row["bottleneck"], row["row"]): row["mse"] for row in errors},
    )


SECTION = Section(
    title="Reconstructions at each bottleneck size",
    short="Reconstructions",
    stage="sweep",
    needs=(
        "results/reconstruction_panels.csv",
        "results/reconstruction_images.csv",
        "arrays/reconstructions.npy",
    ),
    tables=TABLES,
    render=render,
)
