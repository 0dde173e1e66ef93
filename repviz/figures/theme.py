"""One look for every figure, on paper and on a page that is light or dark.

A figure is drawn in the light palette. :func:`svg` then binds each colour to a CSS variable, so
the page decides; outside of a page the variable's fallback shows the light colour.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec
from xml.etree import ElementTree

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator

from repviz.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

# role: (light, dark). The light value of each role is unique: it is how svg() finds the role again.
PALETTE: dict[str, tuple[str, str]] = {
    "paper": ("#fdfcfa", "#16181b"),  # the page
    "wash": ("#f3f1ec", "#1f2226"),  # boxes on the page
    "line": ("#dedad2", "#373b41"),  # rules and grids
    "muted": ("#67625a", "#a3a099"),  # what steps back: ticks, notes
    "ink": ("#23211e", "#e9e6e0"),  # text
    "first": ("#1a659e", "#74b6ea"),  # trained
    "second": ("#b4480f", "#f0a06a"),  # untrained, noise
    "third": ("#1b7566", "#62c6b1"),  # PCA, and what is neither
    "fourth": ("#7a3fb0", "#b896ee"),  # from here on: further series of one figure
    "fifth": ("#c2266f", "#f286b8"),
    "sixth": ("#766c00", "#cfc453"),
    "seventh": ("#3f7d17", "#93d362"),
    "eighth": ("#d02b2b", "#ff8f86"),
    "ninth": ("#3f4fd0", "#98a4ff"),
    "tenth": ("#8a5a3c", "#c99a78"),
}
LIGHT = {role: light for role, (light, _) in PALETTE.items()}
# A series is told apart by its marker, too: colour alone fails in print and for many readers.
MARKERS = {
    "first": "o",
    "second": "s",
    "third": "D",
    "muted": "d",
    "ink": "X",
    "fourth": "^",
    "fifth": "v",
    "sixth": "P",
    "seventh": "<",
    "eighth": ">",
    "ninth": "p",
    "tenth": "*",
}
BITMAP_DPI = 144  # of what is rasterized inside an SVG: two pixels per CSS pixel
NARROW = 500  # CSS pixels; below this width panels stand under each other
REFERENCES = ("href", "clip-path")  # attributes that may name an id; a picture has its data

_LOOK: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same layout on every machine
    "font.size": 12.0,
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.labelsize": 12.0,
    "axes.labelcolor": LIGHT["muted"],
    "axes.titlecolor": LIGHT["ink"],
    "axes.edgecolor": LIGHT["line"],
    "axes.facecolor": "none",
    "axes.linewidth": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": LIGHT["line"],
    "grid.linewidth": 0.7,
    "text.color": LIGHT["ink"],
    "xtick.color": LIGHT["line"],
    "ytick.color": LIGHT["line"],
    "xtick.labelcolor": LIGHT["muted"],
    "ytick.labelcolor": LIGHT["muted"],
    "xtick.labelsize": 11.5,
    "ytick.labelsize": 11.5,
    "lines.linewidth": 2.0,
    "lines.markersize": 6.0,
    "figure.facecolor": "none",
    "legend.frameon": False,
}

_P = ParamSpec("_P")


def themed(draw: Callable[_P, Figure]) -> Callable[_P, Figure]:
    """Decorator: ``draw`` with the settings of repviz, leaving matplotlib's global ones alone."""

    @wraps(draw)
    def inside(*args: _P.args, **options: _P.kwargs) -> Figure:
        with matplotlib.rc_context(_LOOK):
            return draw(*args, **options)

    return inside


def canvas(width: float, height: float) -> Figure:
    """An empty figure of ``width`` x ``height`` CSS pixels; pyplot's global state is not used."""
    return Figure(
        figsize=(width / 72, height / 72), dpi=72, layout=ConstrainedLayoutEngine(hspace=0.08)
    )


def two_panels(
    width: float, height: float, *, shares: tuple[float, float] = (1, 1)
) -> tuple[Figure, Axes, Axes]:
    """A figure with two panels: beside each other, or under each other where it is narrow.

    Parameters
    ----------
    width, height : float
        CSS pixels; the height is that of the wide form.
    shares : (float, float)
        Their shares of the width (or the height).
    """
    if width < NARROW:
        figure = canvas(width, 1.75 * height)
        axes = figure.subplots(2, 1, gridspec_kw={"height_ratios": shares})
    else:
        figure = canvas(width, height)
        axes = figure.subplots(1, 2, gridspec_kw={"width_ratios": shares})
    first, second = np.ravel(axes)
    return figure, first, second


def panel_grid(
    count: int, *, width: float, height: float, margin: float = 40
) -> tuple[Figure, list[Axes]]:
    """A figure with ``count`` panels in rows of two, or of one where it is narrow.

    Parameters
    ----------
    count : int
        How many panels.
    width, height : float
        CSS pixels: of the figure, and of one row of panels.
    margin : float
        CSS pixels for what stands outside the panels, as a label of all axes.
    """
    across = min(count, 1 if width < NARROW else 2)
    down = -(-count // across)
    figure = canvas(width, margin + height * down)
    grid = list(figure.subplots(down, across, squeeze=False).ravel())
    for axes in grid[count:]:
        axes.remove()
    return figure, grid[:count]


def columns(kind: str, table: pd.DataFrame, *names: str) -> pd.DataFrame:
    """``table``, which must have at least one row and every column of ``names``."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise InputError(
            f"figures.draw: the table of a {kind} figure must have the columns "
            f"{', '.join(names)}, got no {', '.join(missing)}."
        )
    if table.empty:
        raise InputError(
            f"figures.draw: the table of a {kind} figure must have at least one row, got none."
        )
    return table


def percent_ticks(axis: Axis) -> None:
    """Give an axis of shares ticks at round percentages: ``65 %``, and ``0.5 %`` where it is short.

    A step is 1, 2, 5 or 10 times a power of ten, never 2.5, and a label is its tick's value.
    """
    axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(100 * share, 6):g} %"))


def note(axes: Axes, x: float, y: float, text: str, role: str = "muted", **where: Any) -> None:
    """Write a direct label beside what it names, in the colour of what it names."""
    axes.annotate(
        text,
        (x, y),
        textcoords="offset points",
        color=LIGHT[role],
        fontsize=11.5,
        **{"xytext": (6, 0), "va": "center", "annotation_clip": False, **where},
    )


def fold(text: str, letters: float) -> str:
    """``text`` on two lines if it is too long, broken at the space nearest to its middle."""
    spaces = [place for place, letter in enumerate(text) if letter == " "]
    if len(text) <= letters or not spaces:
        return text
    middle = min(spaces, key=lambda place: abs(place - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"


def css_variables() -> str:
    """The palette as CSS: per role a variable, light and dark in one value, and a class."""
    rules = [f"--{role}: light-dark({light}, {dark});" for role, (light, dark) in PALETTE.items()]
    classes = [f".{role} {{ color: var(--{role}); }}" for role in MARKERS]
    return ":root { " + " ".join(rules) + " }\n" + " ".join(classes) + "\n"


def svg(figure: Figure, name: str, *, alt: str = "") -> str:
    """The figure as one ``<svg>`` element that a page can hold inline.

    The same figure and name give the same text. Text stays text, in the font of the page; colours
    are CSS variables; there is no ``style`` attribute, so a strict content security policy lets it
    pass; the element scales with its box.

    Parameters
    ----------
    figure : Figure
        What :func:`repviz.figures.draw` gives.
    name : str
        Prefix of every id in it; unique in the page.
    alt : str
        What the figure shows, for those who cannot see it.
    """
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        # Figure.savefig would lay the figure out in a drawing of its own beforehand.
        figure.dpi = BITMAP_DPI
        FigureCanvasSVG(figure).print_svg(buffer, metadata=nothing)
    root = ElementTree.fromstring(buffer.getvalue())
    _strip(root)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = _attributes(element.attrib, name)
        element.tail = None
        if element.tag != "text":
            element.text = None
    _share_colours(root)
    _drop_unused_names(root)
    _number_names(root, name)
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-label": alt,
        "stroke-linejoin": "round",
    }
    return ElementTree.tostring(root, encoding="unicode")


def _strip(parent: ElementTree.Element) -> None:
    """Remove what only other programs read: metadata, and matplotlib's own style sheet."""
    for child in list(parent):
        if child.tag.rpartition("}")[2] in ("metadata", "style"):
            parent.remove(child)
        else:
            _strip(child)


def _drop_unused_names(root: ElementTree.Element) -> None:
    """Leave out ids that nothing refers to, and the groups and turns that then do nothing."""
    used = {
        _referred(place)
        for element in root.iter()
        for key, place in element.attrib.items()
        if key in REFERENCES
    }
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
    _unwrap(root)


def _number_names(root: ElementTree.Element, name: str) -> None:
    """Number the ids: matplotlib's are hashes, which markers repeat by the hundred."""
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    numbered = {one: f"{name}-{number}" for number, one in enumerate(ids)}
    for element in root.iter():
        for key, place in element.attrib.items():
            if key == "id":
                element.attrib[key] = numbered[place]
            elif key in REFERENCES and (one := _referred(place)) in numbered:
                element.attrib[key] = place.replace(one, numbered[one])


def _referred(place: str) -> str:
    """The id in ``#id`` or ``url(#id)``."""
    return place.partition("#")[2].rstrip(")")


def _unwrap(parent: ElementTree.Element) -> None:
    children: list[ElementTree.Element] = []
    for child in parent:
        _unwrap(child)
        is_plain = child.tag in ("g", "defs") and not child.attrib
        children += list(child) if is_plain and (child.tag == "g" or not len(child)) else [child]
    parent[:] = children


def _share_colours(root: ElementTree.Element) -> None:
    """Give the colour of a series' markers to their group: half the bytes of a scatter plot."""
    for group in root.iter("g"):
        for colour in ("fill", "stroke"):
            shared = {(child.tag, child.get(colour, "")) for child in group}
            if len(group) > 1 and len(shared) == 1:
                tag, value = shared.pop()
                if tag == "use" and value:
                    group.set(colour, value)
                    for child in group:
                        del child.attrib[colour]


def _attributes(attributes: dict[str, str], name: str) -> dict[str, str]:
    """An element's attributes: style as attributes, ids prefixed, colours bound."""
    plain: dict[str, str] = {}
    for key, value in attributes.items():
        key = key.rpartition("}")[2]
        if key == "style":
            plain.update(_unfold(value))
        elif key == "id":
            plain["id"] = f"{name}-{value}"
        elif key == "href":
            plain["href"] = value.replace("#", f"#{name}-")
        elif key == "d":
            plain["d"] = _round(" ".join(value.split()))
        elif key == "clip-path":
            plain["clip-path"] = value.replace("#", f"#{name}-")
        elif key in ("x", "y", "transform"):
            plain[key] = _round(value)
        else:
            plain[key] = value
    return {
        key: _bind(value) if key in ("fill", "stroke") else value for key, value in plain.items()
    }


def _unfold(style: str) -> dict[str, str]:
    """CSS declarations as presentation attributes; the font's family is left to the page."""
    plain = {}
    for declaration in filter(None, (part.strip() for part in style.split(";"))):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if key == "font":
            size = re.search(r"([\d.]+)px", value)
            plain["font-size"] = size[1] if size else "11"
            if "700" in value or "bold" in value:
                plain["font-weight"] = "600"
        elif key == "font-size":
            plain[key] = value.removesuffix("px")
        elif key != "font-family":
            plain[key] = value
    return plain


def _bind(colour: str) -> str:
    for role, light in LIGHT.items():
        if colour.lower() == light:
            return f"var(--{role}, {light})"
    return colour


def _round(numbers: str) -> str:
    """Tenths of a pixel are below what anyone sees, and a third of the bytes."""
    return re.sub(
        r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), numbers
    )
