"""The test images of a finished sweep and their reconstructions, as a criterion sees them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from repviz import checks
from repviz.bottleneck.criteria import Reference
from repviz.bottleneck.fitted import stem
from repviz.errors import InputError
from repviz.images.partition import independent_units
from repviz.study_folder import Study


@dataclass(frozen=True, eq=False)
class Reconstructions:
    """The originals of the test images, and their reconstructions by each engine.

    Attributes
    ----------
    study : Study
        The sweep.
    reference : Reference
        The originals, the training images and what is known about them.
    groups : ndarray, shape (n,)
        The declared group or the label of each test image, or its row number: rows of one group
        are not independent.
    """

    study: Study
    reference: Reference = field(repr=False)
    groups: np.ndarray = field(repr=False)

    def sizes(self, engine: str) -> list[int]:
        """The sizes whose reconstructions were kept, ascending."""
        table = self.study.result("sweep")
        checks.one_of("choose_bottleneck", "engine", engine, table["engine"].unique())
        sizes = sorted(table.loc[table["engine"] == engine, "bottleneck"].tolist())
        kept = [k for k in sizes if self.study.has(f"arrays/{self._name(engine, k)}.npy")]
        if not kept:
            raise InputError(
                "choose_bottleneck: the sweep must have stored reconstructions of engine "
                f"'{engine}', got its errors only. Choose another engine."
            )
        return kept

    def images(self, engine: str, k: int) -> np.ndarray:
        """The test images (n, d) as ``engine`` reconstructs them from ``k`` numbers, in [0, 1]."""
        return _unit_rows(self.study.array(self._name(engine, k)))

    def _name(self, engine: str, k: int) -> str:
        return f"{stem(engine, k, self.study.manifest['parameters']['seed'])}_images"


def open_reconstructions(study: Study) -> Reconstructions:
    """The reconstructions of a finished sweep.

    Raises
    ------
    InputError
        It is a sweep of rows that are not images.
    """
    if not (study.folder / "arrays" / "thumbnails.npy").is_file():
        raise InputError(
            f"choose_bottleneck: {study.folder} must be a sweep of images, got a sweep of other "
            "data. Criteria score only images."
        )
    table = study.result("images")
    part = table["sweep_split"].to_numpy()
    test, train = np.flatnonzero(part == "test"), np.flatnonzero(part == "train")
    pixels = np.asarray(study.array("thumbnails"))
    pixels = pixels[:, None] if pixels.ndim == 3 else pixels
    channels, height, width = map(int, pixels.shape[1:])
    labels = _texts(table["label"])
    labelled = bool((labels != "").any())
    factors = {
        name.removeprefix("factor_"): table[name].to_numpy(float)
        for name in table.columns
        if name.startswith("factor_")
    }
    rows = _unit_rows(pixels)
    reference = Reference(
        rows[test],
        (channels, height, width),
        labels[test] if labelled else None,
        {name: values[test] for name, values in factors.items()},
        rows[train],
        labels[train] if labelled else None,
        {name: values[train] for name, values in factors.items()},
    )
    units = independent_units(
        len(table),
        labels if labelled else None,
        _texts(table["group"]) if "group" in table else None,
        test,
        by=study.manifest["parameters"]["split"],
    )
    return Reconstructions(study, reference, units[test])


def _texts(column: pd.Series) -> np.ndarray:
    """The cells as text, (n,) of str; "" where there is none."""
    return column.astype(object).fillna("").astype(str).to_numpy()


def _unit_rows(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(255)
