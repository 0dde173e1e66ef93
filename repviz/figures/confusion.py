"""Which label the images of each label are classified as: a square of counts."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from repviz.figures.theme import LIGHT, NARROW, canvas, columns, themed

FAINT, FULL = 0.18, 0.5  # opacity of a cell with few of its row's images, and with all
LETTERS = {True: 12, False: 22}  # of a label, at most, in the narrow form and in the wide one
CELL = 48  # CSS pixels of a cell, at most
DIGIT = 0.62  # width of a digit, as a multiple of the font size


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One row per label shown, one column per answer; a cell's number counts images.

    The shade is the share of the row's images: right answers, on the diagonal, in one colour, wrong
    ones in another.

    Parameters
    ----------
    table : DataFrame
        ``results/confusion.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("confusion", table, "label", "predicted", "n", "n_label")
    names = sorted({*table["label"], *table["predicted"]})
    place = {name: at for at, name in enumerate(names)}
    narrow = width < NARROW
    shown = [_shortened(str(name), LETTERS[narrow]) for name in names]
    letters = max(map(len, shown))
    margin = 40 + 7 * letters
    cell = min(CELL, (width - margin) / len(names))
    figure = canvas(width, margin + cell * len(names))
    axes = figure.subplots()
    size = min(11.5, 0.85 * cell / (DIGIT * len(str(table["n"].max()))))
    counts = table[["label", "predicted", "n", "n_label"]]
    for label, predicted, n, of in counts.itertuples(index=False):
        x, y = place[predicted], place[label]
        colour = LIGHT["first" if x == y else "second"]
        alpha = FAINT + (FULL - FAINT) * n / of
        square = Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, color=colour, alpha=alpha, linewidth=0)
        axes.add_patch(square)
        axes.text(x, y, f"{n}", ha="center", va="center_baseline", fontsize=size)
    axes.set_xticks(range(len(names)), labels=shown, parse_math=False)
    axes.set_yticks(range(len(names)), labels=shown, parse_math=False)
    if letters > 2:
        axes.tick_params(axis="x", rotation=70)
    axes.set_xlabel("classified as")
    axes.set_ylabel("label shown")
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_aspect("equal", anchor="W")
    axes.grid(visible=False)
    for edge in ("left", "bottom"):
        axes.spines[edge].set_visible(False)
    axes.tick_params(length=0)
    return figure


def _shortened(name: str, letters: int) -> str:
    return name if len(name) <= letters else f"{name[: letters - 1]}…"
