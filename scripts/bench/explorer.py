#!/usr/bin/env python
"""The explorer of a report in a browser: time to interactive, hover, relinking, lasso, page size.

    scripts/bench/explorer.py [--sizes 10000 100000 1000000] [--rounds 5]

Studies with made-up points are written by the product's own writer and opened in Chromium without
a GPU. Time to interactive: processor seconds of the browser's process tree from opening the page
until the map answers, beside those of an empty page. Hover: what the main thread spends on one
movement of the mouse, in the handler and in the frame after it, style, layout and painting
included. Relinking and lasso: the same for the mouse going up. Both are processor milliseconds of
the page's main thread beyond those of an empty frame, so that other work on the machine and the
measuring itself count little.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from measuring import parser, verdict, work_folder
from playwright.sync_api import Browser, Page, sync_playwright

from repviz.nouns import IMAGES
from repviz.report.page import write_report
from repviz.study_folder import Draft, begin

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
TICKS = os.sysconf("SC_CLK_TCK")
LIMITS = {10_000: 1.5, 100_000: 2.5, 1_000_000: 4.0}  # processor seconds to interactive
BYTES = {100_000: 1.6e6, 1_000_000: 10e6}  # of a page without thumbnails

# One event on the map, and the frame that it asks for.
EVENTS = """
(() => {
  const canvas = document.getElementById("map-canvas");
  canvas.setPointerCapture = () => {};
  const send = (type, [clientX, clientY], more = {}) =>
    canvas.dispatchEvent(
      new PointerEvent(type, { clientX, clientY, pointerId: 1, pointerType: "mouse", ...more }));
  window.framed = () => new Promise((done) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => done();
    requestAnimationFrame(() => channel.port2.postMessage(0));
  });
  const shift = { shiftKey: true };
  const corner = (round, step) => {
    const box = canvas.getBoundingClientRect();
    const angle = (2 * Math.PI * step) / 100;
    const reach = (0.3 + 0.02 * round + 0.05 * Math.sin(7 * angle)) * box.width;
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    return [x + reach * Math.cos(angle), y + reach * Math.sin(angle)];
  };
  window.hover = (i) => {
    const box = canvas.getBoundingClientRect();
    const [u, v] = [(i * 0.618034) % 1, (i * 0.754878) % 1];
    send("pointermove", [box.left + box.width * u, box.top + box.height * v]);
    return framed();
  };
  window.circle = async (round) => {
    send("pointerdown", corner(round, 0), shift);
    for (let step = 1; step < 100; step++) send("pointermove", corner(round, step));
    await framed();
  };
  window.select = (round) => {
    send("pointerup", corner(round, 99), shift);
    return framed();
  };
})()
"""


def main() -> None:
    """Print every figure beside its limit."""
    arguments = parser(__doc__)
    arguments.add_argument("--sizes", type=int, nargs="*", default=list(LIMITS))
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    with bench_browser() as (browser, work):
        measure(browser, work, options.sizes, options.rounds)


@contextmanager
def bench_browser() -> Iterator[tuple[Browser, Path]]:
    """Chromium without a GPU, and a folder that is removed afterwards."""
    executable = os.environ.get("REPVIZ_CHROMIUM") or shutil.which("chromium")
    with work_folder() as work, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser, work
        browser.close()


def measure(browser: Browser, work: Path, sizes: list[int], rounds: int) -> None:
    """Every figure, one study at a time."""
    empty = work / "empty.html"
    empty.write_text(
        "<!doctype html><title>empty</title><canvas id=map-canvas data-ready></canvas>"
    )
    spent = median(opened(browser, empty)[1] for _ in range(rounds))
    print(f"an empty page: {spent:.2f} CPU-s to interactive")
    for n in sizes:
        report = study(work / str(n), n, views=1, thumbnails=n <= 10_000)
        print(f"\n{n:,} points, 1 map")
        times = [opened(browser, report)[1] for _ in range(rounds)]
        verdict("CPU-s to interactive", median(times), LIMITS.get(n, 4.0))
        if n in BYTES:
            verdict("page, MB", report.stat().st_size / 1e6, BYTES[n] / 1e6)
        page, _ = opened(browser, report)
        interact(page, hover=16.0, lasso=150.0)
    print("\n12,000 points, 13 maps, thumbnails")
    page, _ = opened(browser, study(work / "hover", 12_000, views=13, thumbnails=True))
    interact(page, hover=4.0, lasso=100.0)
    print("\n50,000 points, 24 maps")
    page, _ = opened(browser, study(work / "relink", 50_000, views=24, thumbnails=False))
    interact(page, hover=16.0, lasso=100.0)


def interact(page: Page, *, hover: float, lasso: float) -> None:
    """Hover and lasso."""
    page.evaluate(EVENTS)
    page.locator("#map-canvas").scroll_into_view_if_needed()
    main = MainThread(page)
    empty = median(main.busy("framed()") for _ in range(30))
    for i in range(10):  # the compiler's first sight of the code
        page.evaluate(f"hover({i})")
    times = [main.busy(f"hover({i})") - empty for i in range(10, 110)]
    verdict("hover, ms, median of 100", median(times), hover)
    verdict("hover, ms, 95th percentile", float(np.quantile(times, 0.95)), 16.0)
    selecting = []
    for i in range(5):
        page.evaluate(f"circle({i})")
        selecting.append(main.busy(f"select({i})") - empty)
    verdict("lasso and relinking, ms, median of 5", median(selecting), lasso)
    verdict("lasso and relinking, ms, first", selecting[0], lasso)
    page.context.close()


class MainThread:
    """How long a page's main thread works."""

    def __init__(self, page: Page) -> None:
        self.page, self.session = page, page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy(self, expression: str) -> float:
        """Processor milliseconds until ``expression`` is done, what asks for them included."""
        before = self.seconds()
        self.page.evaluate(expression)
        return 1000 * (self.seconds() - before)

    def seconds(self) -> float:
        """Processor seconds of the main thread so far."""
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return next(one["value"] for one in metrics if one["name"] == "TaskDuration")


def opened(browser: Browser, report: Path) -> tuple[Page, float]:
    """The page once its map answers, and the processor seconds until then."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    start = processor_seconds()
    page.goto(report.as_uri())
    page.wait_for_selector("#map-canvas[data-ready]", state="attached")
    spent = processor_seconds() - start
    said = [one for one in said if not one.startswith("data:") and one != report.as_uri()]
    if said:
        print(f"  console messages and requests: {said}")
    return page, spent


def processor_seconds() -> float:
    """User and system seconds of the browser's processes: all descendants but this script's own."""
    parents, used = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        pid = int(stat.parent.name)
        parents[pid], used[pid] = int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS

    def ours(pid: int) -> bool:
        while pid in parents and pid != os.getpid():
            pid = parents[pid]
        return pid == os.getpid()

    return sum(seconds for pid, seconds in used.items() if pid != os.getpid() and ours(pid))


def study(folder: Path, n: int, *, views: int, thumbnails: bool) -> Path:
    """The report of a study of ``n`` images in 120 clusters."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 120, n)

    def images(draft: Draft) -> None:
        rows = {"row": np.arange(n), "id": [f"{i:07d}" for i in range(n)]}
        draft.table("images", pd.DataFrame({**rows, "label": [f"c{i}" for i in label]}))
        if thumbnails:
            draft.array("thumbnails", rng.integers(0, 256, (n, 16, 16), dtype=np.uint8))

    def manifold(draft: Draft) -> None:
        tables = []
        for view in range(views):
            xy = rng.normal(size=(n, 2)) + 8 * rng.normal(size=(120, 2))[label]
            named = {"representation": f"layer {view}", "row": np.arange(n)}
            tables.append(pd.DataFrame({**named, "x": xy[:, 0], "y": xy[:, 1]}))
        draft.table("map", pd.concat(tables))
        if n * views * 10 <= 200_000:
            draft.array("map_neighbors", rng.integers(0, n, (views, n, 10), dtype=np.int32))

    about = {
        "name": "made up",
        "credit": "",
        "n": n,
        "key": "",
        "labels_key": "",
        "labels": 120,
        "nouns": IMAGES.as_json(),
    }
    with begin(
        folder,
        study="layers",
        title="Made-up points",
        parameters={"seed": 0},
        images=about,
        summary="",
    ) as made:
        made.stage("images", images)
        made.stage("manifold", manifold)
    start = time.perf_counter()
    report = write_report(folder)
    print(f"(written in {time.perf_counter() - start:.1f} s)")
    return report


if __name__ == "__main__":
    main()
