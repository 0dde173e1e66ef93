"""Names that a spreadsheet would run stay text in the tables of a study, and are read back."""

from __future__ import annotations

import numpy as np
import pandas as pd
from spreadsheet import formulas

from repviz import study_folder

IMAGES = {"name": "orl", "key": "abc", "labels_key": "def", "n": 2}
FORMULAS = ["=1+1", "+SUM(A1)", "-cmd|' /C calc'!A0", "@x", "\t=1", "\r=1", "\n=1", "a\r=1", "-"]
NAMES = [*FORMULAS, "'", "'=1", "''tis", "-3", "+4e5", "-3 4", "ann", "", 'a"=1",b', "=é\u2028"]


def test_no_text_of_a_table_is_a_formula_and_each_is_read_back(tmp_path):
    n = len(NAMES)
    numbers = pd.DataFrame({"x": -np.arange(n) / 7, "k": -np.arange(n), "good": [True] * n})
    table = numbers.assign(id=NAMES, label=NAMES[::-1], kind=pd.Categorical(NAMES))
    options = {"study": "test", "title": "A test", "parameters": {}, "images": IMAGES}
    with study_folder.begin(tmp_path / "s", **options) as study:
        study.stage("one", lambda draft: draft.table("table", table))
    read = study.result("table")
    for column in ("id", "label", "kind"):
        assert read[column].tolist() == table[column].tolist()
    pd.testing.assert_frame_equal(read[[*numbers]], numbers, rtol=1e-7)
    assert table["id"].tolist() == NAMES
    assert [*formulas(study.folder / "results" / "table.csv")] == []
