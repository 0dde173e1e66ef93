"""Random images among the real ones of a map, and how far from them they are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from repviz.number_format import count, plain, text
from repviz.report.html import Markup, join
from repviz.report.parts import chart, field, interval, key, numbers_of
from repviz.report.sections import Content, Section
from repviz.study_folder import Study

TABLES = {
    "random_map": "representation rung sample accepted x y nearest_row relative_distance",
    "map": "representation row x y",
    "ladder": "rung order title",
}
_DISTANCES = (
    field("map", "representation", text),
    field("random images", "title", text),
    field("n", "n", count),
    field("accepted", "accepted", count),
    field("median distance, in multiples", "median", plain),
    interval("smallest to largest", "smallest", "largest", plain),
)


def render(study: Study) -> Content | None:
    """The maps with random images on them, and the distances that these cannot show."""
    random = study.result("random_map", TABLES["random_map"])
    if random.empty:
        return None
    points = study.result("map", TABLES["map"])
    nouns, maps = study.nouns, list(dict.fromkeys(random["representation"]))
    kinds = np.where(random["accepted"], "random, accepted", "random, refused")
    rows = pd.concat(
        [
            points[points["representation"].isin(maps)].assign(kind="image"),
            random.assign(kind=kinds),
        ]
    )[["representation", "kind", "x", "y"]]
    distances = _distances(study, random)
    farthest = distances.iloc[0]
    return Content(
        join(
            [
                chart(
                    "random_map",
                    rows,
                    caption=f"Random images on the map of the {nouns.images} (UMAP) that other "
                    "sections use. The map did not move for them.",
                    alt=f"{count(len(random))} marks of random images between the dots of the "
                    f"{nouns.images}.",
                    keys=_keys(nouns.images),
                ),
                numbers_of("results/random_map.csv", distances, _DISTANCES),
            ]
        ),
        reading=f"Each random image is placed among the {nouns.images} nearest to it. How near "
        f"they are stands in the table, in multiples of the median distance from one "
        f"{nouns.image} to its nearest: in {farthest['representation']}, "
        f"“{farthest['title'].lower()}” lie at {plain(farthest['median'])} times that distance "
        f"(median of {count(farthest['n'])} images).",
        limits=f"The places are interpolations among the nearest {nouns.images}. A random image "
        f"is therefore always drawn between {nouns.images}, however far from all of them it lies, "
        "and random images that resemble nothing gather where the map happens to place whatever "
        "is nearest to them. The map cannot show that an image is not one of the kind: the "
        "distances and the judges can.",
    )


def _keys(images: str) -> list[Markup]:
    return [
        key("muted", images),
        key("second", "random, refused by the judges", form="cross"),
        key("first", "random, accepted by the judges (diamond)", form="ring"),
    ]


def _distances(study: Study, random: pd.DataFrame) -> pd.DataFrame:
    """One row per map and kind of random image, in the order of the ladder."""
    rungs = study.result("ladder", TABLES["ladder"]).sort_values("order")
    grouped = random.groupby(["representation", "rung"], sort=False)
    rows = grouped.agg(
        n=("sample", "size"),
        accepted=("accepted", "sum"),
        median=("relative_distance", "median"),
        smallest=("relative_distance", "min"),
        largest=("relative_distance", "max"),
    ).reset_index()
    return rows.merge(rungs[["rung", "title"]], on="rung")


SECTION = Section(
    title="Random images on the map of real ones",
    short="Random images, map",
    stage="random map",
    needs=("results/random_map.csv", "results/map.csv", "results/ladder.csv"),
    tables=TABLES,
    render=render,
)
