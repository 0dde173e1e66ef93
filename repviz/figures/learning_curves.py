"""Learning curves of the trainings of a sweep: error by epoch, one panel per engine."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from repviz.figures.series import label_ends
from repviz.figures.theme import LIGHT, columns, panel_grid, themed

HEIGHT, AXES_HEIGHT = 210, 150  # CSS pixels per row of panels, and about of their axes


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One panel per engine: validation error (in colour) and training error (grey) by step.

    Each line is one training, labelled with its bottleneck; a dot marks the epoch that was
    selected.

    Parameters
    ----------
    table : DataFrame
        ``results/learning_curves.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("learning_curves", table, "engine", "engine_label", "colour_role", "bottleneck", "seed")
    columns("learning_curves", table, "step", "train_mse", "validation_mse", "selected")
    engines = table["engine"].unique()
    figure, panels = panel_grid(len(engines), width=width, height=HEIGHT)
    for axes, (_, rows) in zip(panels, table.groupby("engine", sort=False), strict=True):
        role = str(rows["colour_role"].iloc[0])
        ends = []
        for (size, seed), curve in rows.groupby(["bottleneck", "seed"]):
            axes.plot(curve["step"], curve["train_mse"], color=LIGHT["muted"], linewidth=0.8)
            axes.plot(curve["step"], curve["validation_mse"], color=LIGHT[role], linewidth=1.6)
            best = curve[curve["selected"]]
            axes.plot(best["step"], best["validation_mse"], "o", color=LIGHT[role], markersize=4.5)
            if seed == rows["seed"].iloc[0]:
                last = curve.iloc[-1]
                ends.append((float(last["step"]), float(last["validation_mse"]), f"{size}", role))
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.grid(visible=False, axis="x")
        axes.set_title(str(rows["engine_label"].iloc[0]), fontsize=12)
        label_ends(axes, ends, height=AXES_HEIGHT, size=10, leaders=False)
    figure.supxlabel("training step", fontsize=12, color=LIGHT["muted"])
    return figure
