"""A study folder as the report reads it: a manifest, tables and arrays, each checked once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repviz import durable
from repviz.errors import Damaged, InputError, Mismatch

FORMAT, VERSION = "repviz study", 1

# The columns that the report reads of each table.
COLUMNS: dict[str, str] = {
    "findings": "order section sentence",
    "images": "row id label",
    "sweep": "engine bottleneck n_train n_test groups_test mse mse_low mse_high psnr ssim ratio "
    "ratio_low ratio_high ratio_augmented pca_equivalent seeds split",
    "sweep_images": "engine bottleneck row mse",
    "traversals": "direction engine bottleneck share reach factor r n_test",
    "interpolation": "path engine bottleneck share nearest n_train from to",
    "audit": "engine separate bottleneck mse separate_mse gap gap_low gap_high n_test",
    "choices": "criterion title engine size low high margin n_test left_out",
    "judges": "criterion engine bottleneck original kept loss loss_high n_test",
    "knee": "engine sizes low high ranges found stands",
    "keeps": "engine bottleneck probe score low high n chance",
    "code_dimension": "engine bottleneck dimension low high calibrated calibrated_low "
    "calibrated_high n groups alarms",
    "reconstruction_panels": "panel engine bottleneck",
    "reconstruction_images": "position row id pick",
    "training": "epoch train_loss train_accuracy held_out_accuracy held_out_low held_out_high "
    "chance n_train n_held_out learning_rate",
    "evaluation": "model views accuracy low high right n chance",
    "filters": "tower first last",
    "answers": "panel layer unit tower rank row id label value n",
    "anatomy": "layer kind kernel stride output formula parameters neurons multiply_adds "
    "share_parameters share_multiply_adds",
    "layers": "representation model weights layer n groups d dimension dimension_low "
    "dimension_high calibrated calibrated_low calibrated_high participation_ratio components_90 "
    "nearest_same nearest_low nearest_high nearest_n nearest_chance trustworthiness "
    "trustworthiness_k alarms",
    "spectrum": "representation component cumulative",
    "components": "component ratio null n repeats",
    "map": "representation row x y",
    "profile": "representation weights layer depth n twonn twonn_calibrated twonn_calibrated_low "
    "twonn_calibrated_high plateau plateau_low plateau_high plateau_from plateau_to danco "
    "participation pca_90 gaussian_calibrated gaussian_calibrated_low gaussian_calibrated_high "
    "alarms",
    "factors": "representation factor weights layer depth n r2 r2_low r2_high",
    "moves": "change title weights layer depth moved moved_low moved_high recognised n",
    "similarity": "one other cka null p n",
    "ladder": "order title n accepted rate low high distance_q05 distance_median distance_q95 "
    "threshold calibration_n calibration_quantile seed",
}
_TEXT = (
    "id",
    "label",
    "layer",
    "representation",
    "alarms",
    "kernel",
    "stride",
    "padding",
    "title",
    "one",
    "other",
    "from",
    "to",
)


@dataclass(frozen=True)
class StudyFiles:
    """An opened study folder."""

    folder: Path
    manifest: dict[str, Any]

    def has(self, *paths: str) -> bool:
        """Whether the folder holds every one of these files."""
        return all((self.folder / path).is_file() for path in paths)

    @property
    def who(self) -> str:
        """What a label names."""
        return called(self.manifest)[0]

    @property
    def whose(self) -> str:
        """What labels name."""
        return called(self.manifest)[1]

    @property
    def unseen(self) -> str:
        """What is true of the images that the sweep was tested on, as it follows "images"."""
        if records(self.table("sweep"))[0]["split"] != "label":
            return "that were not in training"
        person = self.who == "person"
        return f"{'of people who were' if person else 'whose label was'} not in training"

    def table(self, name: str) -> pd.DataFrame:
        """``results/NAME.csv``. An empty field is missing; a label "NA" stays a label.

        Raises
        ------
        Damaged
            The file is missing, is no CSV, or lacks a column.
        """
        path = self.folder / "results" / f"{name}.csv"
        try:
            table = pd.read_csv(
                path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(_TEXT, "str")
            )
        except (OSError, ValueError) as error:
            raise Damaged(f"{path}: this table cannot be read. Make the study anew.") from error
        lacking = [column for column in COLUMNS[name].split() if column not in table.columns]
        if lacking:
            raise Damaged(
                f"{path}: this table lacks the column {', '.join(lacking)}. Make the study anew."
            )
        return table

    def array(self, name: str) -> np.ndarray:
        """``arrays/NAME.npy``.

        Raises
        ------
        Damaged
            The file is missing or is no array.
        """
        path = self.folder / "arrays" / f"{name}.npy"
        try:
            with path.open("rb") as file:
                return np.lib.format.read_array(file, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise Damaged(f"{path}: this array cannot be read. Make the study anew.") from error


def called(manifest: dict[str, Any]) -> tuple[str, str]:
    """What a label names, one and several: people in a study of faces, labels in any other."""
    return ("person", "people") if manifest["study"] == "faces" else ("label", "labels")


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, column name to value."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def open_files(folder: str | Path) -> StudyFiles:
    """The study folder ``folder``, opened for reading.

    Raises
    ------
    InputError
        There is no ``manifest.json`` in it.
    Mismatch
        The manifest is of another kind or version.
    """
    folder = Path(folder)
    if not (folder / "manifest.json").is_file():
        raise InputError(
            f"write_report: {folder} must be a study folder, got no manifest.json in it. "
            "Make one: repviz study."
        )
    manifest = durable.read_json(folder / "manifest.json")
    found = (manifest.get("format"), manifest.get("version"))
    if found != (FORMAT, VERSION):
        raise Mismatch(
            f"{folder}: the manifest must be of '{FORMAT}' version {VERSION}, got "
            f"'{found[0]}' version {found[1]}. Make the study anew."
        )
    return StudyFiles(folder, manifest)
