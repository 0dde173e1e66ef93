"""Saving a figure for a paper as SVG, PDF and PNG, with reproducible bytes."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from repviz import durable

DPI = 288  # of the PNG: four pixels per CSS pixel
# Neither a date nor the version of a program: the files follow from the numbers alone.
METADATA: dict[str, dict[str, None]] = {
    "svg": dict.fromkeys(("Date", "Creator", "Format", "Type")),
    "pdf": dict.fromkeys(("CreationDate", "Creator", "Producer")),
    "png": {"Software": None},
}


def save_files(figure: Figure, stem: str | Path) -> list[Path]:
    """The paths of the figure's files, ``stem`` with ``.svg``, ``.pdf`` and ``.png``.

    The background is white; text is drawn as outlines in SVG, and in fonts that journals take
    (TrueType) in PDF.

    Parameters
    ----------
    figure : Figure
        What :func:`repviz.figures.draw` gives.
    stem : path
        Where to write, without the ending.
    """
    stem = Path(stem)
    written = []
    settings = {"svg.hashsalt": stem.name, "svg.fonttype": "path", "pdf.fonttype": 42}
    for form, metadata in METADATA.items():
        path = stem.with_name(f"{stem.name}.{form}")
        with durable.replacing(path) as temporary, matplotlib.rc_context(settings):
            figure.savefig(temporary, format=form, dpi=DPI, metadata=metadata, facecolor="white")
        written.append(path)
    return written
