"""Building blocks of sections: figures with captions, tables in scrolling boxes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import pandas as pd

from repviz import figures
from repviz import number_format as numbers
from repviz.figures.dots import series_roles
from repviz.nouns import indefinite
from repviz.report.html import Child, Markup, join, tag
from repviz.spreadsheets import SENTENCE_SEPARATOR
from repviz.study_folder import Study, records
from repviz.weight_kinds import WEIGHT_KINDS

ROUND = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
STEP, LABEL = 32, 20  # of a small figure: pixels per row, and letters of a name
LONG = 32  # letters of a cell, above which it may break into lines
WIDTHS = {"wide": 720, "narrow": 346}  # CSS pixels: of the text column, and of a phone's


@dataclass(frozen=True)
class Column:
    """One column of a table on the page: its heading, and how a row's field is written."""

    title: str
    write: Callable[[Any], str]
    numeric: bool = True


def field(title: str, name: str, form: Callable[[Any], str] = numbers.text) -> Column:
    """The column ``name``, written by ``form``; text stands left, numbers right."""
    return Column(title, lambda row: form(row[name]), numeric=form is not numbers.text)


def interval(title: str, low: str, high: str, form: Callable[[Any], str]) -> Column:
    """Two columns as one interval: ``5.1 to 6.2``."""

    def write(row: Any) -> str:
        return (
            f"{form(row[low])} to {form(row[high])}"
            if not numbers.missing(row[low])
            else numbers.NOTHING
        )

    return Column(title, write)


def table(rows: pd.DataFrame, columns: Sequence[Column], *, label: str) -> Markup:
    """A table that scrolls inside its own box where the page is narrow."""

    def cell(column: Column, content: str, kind: str, **more: str) -> Markup:
        long = "long" if len(content) > LONG else None
        return tag(kind, content, class_="number" if column.numeric else long, **more)

    head = tag("tr", [cell(column, column.title, "th", scope="col") for column in columns])
    body = [
        tag("tr", [cell(column, column.write(row), "td") for column in columns])
        for row in records(rows)
    ]
    return scrolling(tag("table", tag("thead", head), tag("tbody", body)), label)


def scrolling(content: Markup, label: str) -> Markup:
    """A box that scrolls sideways by itself where its content is wider than the page."""
    return tag("div", content, class_="scroll", role="group", aria_label=label, tabindex=0)


def numbers_of(file: str, rows: pd.DataFrame, columns: Sequence[Column]) -> Markup:
    """The table behind a figure, folded, with the file that it comes from."""
    summary = tag("summary", "The numbers ", tag("code", file))
    return tag("details", summary, table(rows, columns, label=f"Table of {file}"), class_="numbers")


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart of the report: its kind, and the table that it draws."""

    kind: str
    rows: pd.DataFrame


_drawn: ContextVar[list[Chart] | None] = ContextVar("charts drawn", default=None)


@contextmanager
def charts_drawn() -> Iterator[list[Chart]]:
    """Within the block, a list to which every chart is added as it is drawn."""
    charts: list[Chart] = []
    token = _drawn.set(charts)
    try:
        yield charts
    finally:
        _drawn.reset(token)


def figure(content: Child, caption: Child, *, class_: str | None = None) -> Markup:
    """``content`` with a caption under it."""
    return tag("figure", content, tag("figcaption", caption), class_=class_)


def chart(
    kind: str,
    rows: pd.DataFrame,
    *,
    caption: Child,
    alt: str,
    keys: Sequence[Markup] = (),
    name: str = "",
) -> Markup:
    """A figure drawn twice, for a wide page and for a narrow one; the style sheet shows one.

    ``name`` tells figures of one kind apart, where a page has several.
    """
    from repviz.figures.theme import svg

    if (drawn_so_far := _drawn.get()) is not None:
        drawn_so_far.append(Chart(kind, rows))
    prefix = f"{kind}-{name}" if name else kind
    drawn = [
        tag(
            "div",
            Markup(svg(figures.draw(kind, rows, width=width), f"{prefix}-{form}", alt=alt)),
            class_=f"chart {form}",
        )
        for form, width in WIDTHS.items()
    ]
    return figure(join([tag("p", keys, class_="legend") if keys else None, drawn]), caption)


def key(role: str, words: str, *, form: str = "dot") -> Markup:
    """A legend's entry: a "dot", "ring" or "cross" in the colour of ``role``, and its meaning."""
    return tag(
        "span", tag("span", class_=f"{form} {role}", aria_hidden="true"), words, class_="key"
    )


def weights_keys(table: pd.DataFrame) -> list[Markup]:
    """The legend of the kinds of weights that ``table`` holds, in the order of the kinds."""
    marks = {"untrained": ("second", "ring"), "none": ("third", "dot")}
    present = set(table["weights"])
    return [
        key(role, kind.legend, form=form)
        for name, kind in WEIGHT_KINDS.items()
        for role, form in (marks.get(name, ("first", "dot")),)
        if name in present
    ]


def series_keys(table: pd.DataFrame) -> list[Markup]:
    """The legend of curves over depth: the kinds of weights, or the curves where these agree."""
    curves = table.drop_duplicates(["model", "weights"])
    if curves["weights"].is_unique:
        return weights_keys(table)
    return [key(role, model) for (model, _), role in series_roles(table).items()]


def resampled(study: Study, n: int, groups: int) -> str:
    """The units that an interval resamples: ``40 people (all faces of a person together)``."""
    nouns = study.nouns
    if groups == n:
        return nouns.images
    together = f"all {nouns.images} of {indefinite(nouns.unit)} together"
    return f"{numbers.count(groups)} {nouns.units} ({together})"


_REDUCED = {
    "mean": "averaged over all positions",
    "patch-mean": "averaged over all patches",
    "max": "the largest over all positions",
    "cls": "its class token alone",
    "grid": "averaged to a {0}×{0} grid",
    "project": "a random projection to {0} numbers",
    "pca": "{0} principal components",
}


def reductions(study: Study) -> str:
    """Which layers were not measured as they are, as a sentence after a space; "" if none.

    Two studies of one network that reduce a layer differently measure different numbers.
    """
    reduced: dict[str, list[str]] = {}
    for layer, reduction in (study.manifest["parameters"].get("reduce") or {}).items():
        kind, _, size = reduction.partition(":")
        if kind not in ("none", "tokens"):
            words = _REDUCED.get(kind, reduction).format(size)
            reduced.setdefault(words, []).append(layer)
    if not reduced:
        return ""
    parts = [f"{numbers.listed(layers)} ({words})" for words, layers in reduced.items()]
    return f" Reduced before measuring: {'; '.join(parts)}."


def enlarged(study: Study) -> str:
    """That the images are stored smaller than they are read: ``8×8 pixels, enlarged to 32×32``."""
    about = study.manifest["images"]
    sizes = ["×".join(map(str, about.get(name) or [])) for name in ("enlarged_from", "size")]
    return f"{sizes[0]} pixels, enlarged to {sizes[1]}" if all(sizes) else ""


def unseen_images(study: Study) -> str:
    """Which images the sweep's errors are of: ``60 test faces of people not in training``."""
    first = records(study.result("sweep", "split_by n_test"))[0]
    nouns, n = study.nouns, numbers.count(first["n_test"])
    if first["split_by"] != "image":
        return f"{n} test {nouns.images} of {nouns.units} not in training"
    return f"{n} test {nouns.images} not in training"


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, in a small figure of several."""

    label: str
    value: float
    low: float
    high: float
    role: str = "first"


def intervals(
    estimates: Sequence[Estimate],
    form: Callable[[Any], str],
    *,
    alt: str,
    end: float | None = None,
) -> Markup:
    """A small figure of a few numbers with their intervals, on one axis from 0 to ``end``.

    Without ``end`` the axis ends at a round number beyond every interval.
    """
    last = end or _round_end(max(one.high for one in estimates))

    def at(value: float) -> str:
        return f"{2 + 96 * min(1.0, max(0.0, value / last)):.1f}%"  # a dot at an end stays inside

    rows: list[Markup] = []
    for place, one in enumerate(estimates):
        text, line = str(8 + STEP * place), str(21 + STEP * place)
        label = one.label if len(one.label) <= LABEL else f"…{one.label[1 - LABEL :]}"
        rows += [
            tag("text", label, x="0", y=text),
            tag("text", form(one.value), x="100%", y=text, class_="end"),
            tag("line", x1=at(0), x2=at(last), y1=line, y2=line, class_="axis"),
            tag("circle", cx=at(one.value), cy=line, r="4", class_=one.role),
        ]
        if not numbers.missing(one.low):
            ends_at = {"x1": at(one.low), "x2": at(one.high)}
            rows.insert(-1, tag("line", **ends_at, y1=line, y2=line, class_=one.role))
    bottom = STEP * len(estimates)
    ends = [
        tag("text", "0", x="0", y=bottom + 4, class_="tick"),
        tag("text", form(last), x="100%", y=bottom + 4, class_="tick end"),
    ]
    return tag(
        "svg",
        [*rows, *ends],
        width="100%",
        height=bottom + 12,
        role="img",
        aria_label=alt,
        class_="intervals",
    )


def _round_end(value: float) -> float:
    """The least of 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8 and 10 times a power of ten above ``value``."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in ROUND if step * power >= value)


def overlap(one: Estimate, other: Estimate) -> bool:
    """Whether two intervals have a value in common."""
    return one.low <= other.high and other.low <= one.high


_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")
NAMED = 4  # rows that a warning names one by one, at most


def warnings(names: Iterable[str], sentences: pd.Series) -> Markup | None:
    """A box of warnings: those that differ in their numbers alone are one, with each one's range.

    Parameters
    ----------
    names : iterable of str
        The name of each row.
    sentences : Series of str
        The warnings of each row, between separators; "" where there are none.
    """
    alike: dict[str, list[tuple[str, list[str]]]] = {}
    rows = list(zip(names, sentences, strict=True))
    for name, cell in rows:
        for sentence in filter(None, cell.split(SENTENCE_SEPARATOR)):
            pattern = _NUMBER.sub("\0", sentence)
            alike.setdefault(pattern, []).append((name, _NUMBER.findall(sentence)))
    if not alike:
        return None
    lines = []
    for pattern, found in alike.items():
        concerned = _listed([name for name, _ in found], len(rows))
        lines.append(tag("li", tag("b", f"{concerned}: "), _merged(pattern, found)))
    return tag(
        "div", tag("p", tag("strong", "Warnings")), tag("ul", lines), class_="warnings", role="note"
    )


def _listed(names: list[str], available: int) -> str:
    """The rows that a warning concerns: all of so many, or their names."""
    if len(names) > NAMED and len(names) == available:
        return f"all {available}"
    more = f" and {len(names) - NAMED + 1} more" if len(names) > NAMED else ""
    return ", ".join(names[: NAMED - 1] if more else names) + more


def _merged(pattern: str, found: list[tuple[str, list[str]]]) -> str:
    """One sentence for all: each number as it is, or from the least to the largest."""
    pieces = pattern.split("\0")
    for place, written in enumerate(zip(*(values for _, values in found), strict=True)):
        least, largest = (
            pick(written, key=lambda value: float(value.replace(",", ""))) for pick in (min, max)
        )
        pieces[place] += least if least == largest else f"{least}–{largest}"
    return "".join(pieces)
