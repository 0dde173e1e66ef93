#!/usr/bin/env python
"""The explorer beside pages of other libraries: the same points, browser and measurements.

    scripts/bench/explorer_peers.py [--sizes 10000 100000] [--rounds 2]

Every library draws the same made-up points in 120 colours into one file that holds its own scripts;
a peer that is missing, or whose page cannot be written without a network, is left out. All pages
are measured alike: processor seconds of the browser's process tree until it is quiet (below 5 % of
a core for half a second), processor milliseconds of the main thread per movement of the mouse
beyond an empty frame, and bytes. Our page is a complete report around its map.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import isnan
from pathlib import Path
from statistics import median

import numpy as np
from explorer import MainThread, bench_browser, processor_seconds, study
from measuring import Comparison, Row, show, table_parser, version_of
from playwright.sync_api import Browser, Page

QUIET, WAIT = 0.05, 0.5  # share of a core, and seconds for which the browser stays below it
LONGEST = 90  # seconds until a page is taken for one that never becomes quiet
MOVES = 40
RESOLUTION = 0.01  # milliseconds; below it nothing is measured
FRAME = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"


def points(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The points (n, 2) of the study of the same size, and their labels."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 120, n)
    return rng.normal(size=(n, 2)) + 8 * rng.normal(size=(120, 2))[label], label


def repviz_page(folder: Path, n: int) -> Path:
    """A study's report with one map."""
    return study(folder / "repviz", n, views=1, thumbnails=False)


def plotly_page(folder: Path, n: int) -> Path:
    """One WebGL trace, its script in the page."""
    import plotly.graph_objects as graphs

    xy, label = points(n)
    marks = {"color": label, "size": 4}
    trace = graphs.Scattergl(x=xy[:, 0], y=xy[:, 1], mode="markers", marker=marks, text=label)
    graphs.Figure(trace).write_html(folder / "plotly.html", include_plotlyjs=True)
    return folder / "plotly.html"


def bokeh_page(folder: Path, n: int) -> Path:
    """One glyph per point, with hover and lasso, its scripts in the page."""
    from bokeh.embed import file_html
    from bokeh.models import ColumnDataSource
    from bokeh.palettes import Turbo256
    from bokeh.plotting import figure
    from bokeh.resources import INLINE

    xy, label = points(n)
    colours = [Turbo256[2 * one] for one in label]
    source = ColumnDataSource({"x": xy[:, 0], "y": xy[:, 1], "colour": colours, "label": label})
    plot = figure(
        width=700,
        height=700,
        tools="pan,wheel_zoom,lasso_select,hover",
        tooltips=[("label", "@label")],
        output_backend="webgl",
    )
    plot.scatter("x", "y", color="colour", size=4, source=source)
    (folder / "bokeh.html").write_text(file_html(plot, INLINE, "bokeh"))
    return folder / "bokeh.html"


def datamapplot_page(folder: Path, n: int) -> Path:
    """An interactive plot with everything in the page."""
    import datamapplot

    xy, label = points(n)
    names = np.array([f"c{one}" for one in label])
    plot = datamapplot.create_interactive_plot(
        xy, names, hover_text=names, inline_data=True, offline_mode=True
    )
    plot.save(str(folder / "datamapplot.html"))
    return folder / "datamapplot.html"


def jscatter_page(folder: Path, n: int) -> Path:
    """The widget's export through ipywidgets."""
    import jscatter
    from ipywidgets.embed import embed_minimal_html

    xy, label = points(n)
    plot = jscatter.Scatter(x=xy[:, 0], y=xy[:, 1], color_by=label)
    embed_minimal_html(folder / "jscatter.html", views=[plot.widget], title="jupyter-scatter")
    return folder / "jscatter.html"


OURS = "repviz"
PAGES: dict[str, Callable[[Path, int], Path]] = {
    OURS: repviz_page,
    "plotly": plotly_page,
    "bokeh": bokeh_page,
    "datamapplot": datamapplot_page,
    "jupyter-scatter": jscatter_page,
}
PLOTS = "#map-canvas, .js-plotly-plot, .bk-Figure, #deck-container, .jupyter-widgets"
UNITS = {"page size": "MB", "processor time to open": "s", "mouse movement": "ms"}


def main() -> None:
    """The rows of every number of points."""
    arguments = table_parser(__doc__, times=2)
    arguments.add_argument("--sizes", type=int, nargs="*", default=[10_000])
    options = arguments.parse_args()
    rows: list[Row] = []
    with bench_browser() as (browser, work):
        for n in options.sizes:
            rows += compare(browser, work / str(n), n, options.rounds)
    show(rows, options.json)


def compare(browser: Browser, folder: Path, n: int, rounds: int) -> list[Row]:
    """The ratios of every library to repviz, for ``n`` points."""
    folder.mkdir()
    shared = Comparison("report", "a map of points in a page", n, "points", "explorer_peers.py")
    pages, left_out = {}, []
    for name, write in PAGES.items():
        try:
            pages[name] = write(folder, n)
        except Exception as error:  # whatever a peer raises
            if name == OURS:
                raise
            reason = f"{type(error).__name__}: {str(error)[:90]}"
            if isinstance(error, OSError):
                reason = "cannot write its page without a network"
            left_out.append(shared.left_out(name, reason))
    figures: dict[str, list[tuple[float, ...]]] = {name: [] for name in pages}
    for _ in range(rounds):
        for name, page in pages.items():
            figures[name].append((page.stat().st_size / 1e6, *visited(browser, page)))
    rows = []
    for name, series in figures.items():
        if isnan(series[0][-1]):
            left_out.append(shared.left_out(name, "draws nothing without a network"))
        elif name != OURS:
            peer = (name, version_of(name))
            for place, (measure, unit) in enumerate(UNITS.items()):
                ours, theirs = ([one[place] for one in figures[side]] for side in (OURS, name))
                rows.append(shared.row(measure, unit, peer, ours, theirs))
    return rows + left_out


def visited(browser: Browser, page: Path) -> tuple[float, float]:
    """Processor seconds until the browser is quiet, and milliseconds per movement."""
    return opened(browser, page), hovered(browser, page)


def opened(browser: Browser, report: Path) -> float:
    """Processor seconds until the browser is quiet."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    start = processor_seconds()
    page.goto(report.as_uri(), wait_until="load")
    until_quiet()
    spent = processor_seconds() - start
    page.context.close()
    return spent


def until_quiet() -> None:
    """Wait until the browser's processes have hardly worked for half a second."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        before = processor_seconds()
        time.sleep(WAIT)
        if processor_seconds() - before < QUIET * WAIT:
            return


def hovered(browser: Browser, report: Path) -> float:
    """Milliseconds of the main thread per movement, the median; NaN where nothing is drawn."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(report.as_uri(), wait_until="load")
    until_quiet()
    plot = page.locator(PLOTS).first
    try:
        plot.scroll_into_view_if_needed(timeout=5000)
        box = plot.bounding_box(timeout=5000)
        assert box is not None
        times = [busy(page, *place) for place in places(box)]
    except Exception:  # nothing is drawn
        times = [float("nan")]
    page.context.close()
    return max(median(times), RESOLUTION)


def places(box: dict[str, float]) -> list[tuple[float, float]]:
    """Places all over the plot, in an order that jumps."""
    return [
        (
            box["x"] + box["width"] * (0.1 + 0.8 * (i * 0.618034 % 1)),
            box["y"] + box["height"] * (0.1 + 0.8 * (i * 0.754878 % 1)),
        )
        for i in range(MOVES)
    ]


def busy(page: Page, x: float, y: float) -> float:
    """Milliseconds of the main thread for one movement and its frame, less an empty frame."""
    main = MainThread(page)
    empty = main.busy(f"({FRAME})()")
    before = main.seconds()
    page.mouse.move(x, y)
    page.evaluate(FRAME)
    return 1000 * (main.seconds() - before) - empty


if __name__ == "__main__":
    main()
