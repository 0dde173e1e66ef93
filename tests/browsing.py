"""A report in a real Chromium: opening it, waiting for a frame, reading what is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Visit:
    """An opened report, with everything that it asked for and complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def visit(
    browser: Browser,
    report: Path,
    *,
    width: int = 1280,
    fragment: str = "",
    ready: str = "#map-canvas[data-ready]",
    **options: Any,
) -> Visit:
    """Open a report and wait until the element ``ready`` is there, unless scripts are off."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, **({"reduced_motion": "reduce"} | options)
    )
    page = context.new_page()
    seen = Visit(page)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.goto(report.as_uri() + fragment)
    if options.get("java_script_enabled", True):
        page.wait_for_selector(ready, state="attached")
    return seen


def settle(page: Page) -> None:
    """Wait until what was changed is drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def point_at_the_first_image(page: Page) -> None:
    """Move the mouse over the map until it meets an image."""
    page.locator("#map-canvas").scroll_into_view_if_needed()
    box = page.locator("#map-canvas").bounding_box()
    assert box is not None
    for row in range(4, 20):
        for column in range(2, 20):
            page.mouse.move(
                box["x"] + column * box["width"] / 20, box["y"] + row * box["height"] / 20
            )
            settle(page)
            if page.locator("#map-card").is_visible():
                return
    raise AssertionError("no image of the map answers to the mouse")


def picture(page: Page, canvas: str = "#map-canvas") -> str:
    """What a canvas shows, as one text."""
    settle(page)
    return page.evaluate("(name) => document.querySelector(name).toDataURL()", canvas)


def ink(page: Page, canvas: str) -> int:
    """How many different colours a canvas holds."""
    settle(page)
    return page.evaluate(
        """(name) => {
            const one = document.querySelector(name);
            const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
            return new Set(new Uint32Array(data.buffer)).size;
        }""",
        canvas,
    )


def painted(page: Page, canvas: str) -> int:
    """How many pixels of a canvas are not empty."""
    settle(page)
    return page.evaluate(
        """(name) => {
            const one = document.querySelector(name);
            const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
            return new Uint32Array(data.buffer).filter((pixel) => pixel).length;
        }""",
        canvas,
    )


def overflow(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
