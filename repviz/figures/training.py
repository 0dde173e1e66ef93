"""Accuracy on training and held-out images, and the loss."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from repviz.figures.theme import LIGHT, columns, percent_ticks, themed, two_panels


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """Two panels: accuracy (the band is the 95 % interval of the held-out one), and loss.

    Parameters
    ----------
    table : DataFrame
        ``results/training.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("training", table, "epoch", "train_loss", "train_accuracy", "chance")
    columns("training", table, "held_out_accuracy", "held_out_low", "held_out_high")
    figure, accuracy, loss = two_panels(width, 300, shares=(1.7, 1))
    epoch, band = table["epoch"], LIGHT["first"]
    dot = "o" if len(table) == 1 else None  # a single epoch draws no line
    accuracy.fill_between(
        epoch, table["held_out_low"], table["held_out_high"], color=band, alpha=0.16, linewidth=0
    )
    accuracy.plot(epoch, table["held_out_accuracy"], color=band, marker=dot)
    accuracy.plot(epoch, table["train_accuracy"], color=LIGHT["muted"], linewidth=1.4, marker=dot)
    accuracy.plot(
        epoch, table["chance"], color=LIGHT["second"], linewidth=1.4, linestyle=(0, (4, 3))
    )
    accuracy.set_ylim(0, 1.03)
    percent_ticks(accuracy.yaxis)
    accuracy.set_title("Accuracy")
    loss.plot(epoch, table["train_loss"], color=LIGHT["muted"], linewidth=1.4, marker=dot)
    loss.set_ylim(bottom=0)
    loss.set_title("Training loss (nats)")
    for axes in (accuracy, loss):
        axes.set_xlabel("epoch")
        axes.grid(visible=False, axis="x")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure
