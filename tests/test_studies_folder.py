"""A study folder: stages done once, refused when it is another's, sound after a kill."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from repviz import durable
from repviz import study_folder as studies
from repviz.errors import Damaged, InputError, Mismatch, StoreError

IMAGES = {"name": "orl", "key": "abc", "labels_key": "def", "n": 2}


def begin(folder, **parameters):
    return studies.begin(
        folder, study="test", title="A test", parameters={"seed": 0, **parameters}, images=IMAGES
    )


def write(draft):
    draft.table("numbers", pd.DataFrame({"x": [1 / 3, 2.0], "name": ["a", ""]}))
    draft.array("grid", np.arange(4))


def test_a_stage_is_done_once_and_read_back(tmp_path):
    done = []
    for _ in range(2):
        with begin(tmp_path / "s") as study:
            study.stage("one", lambda draft: (done.append(1), write(draft)))
    assert done == [1]
    assert study.result("numbers")["x"].tolist() == [0.33333333, 2.0]
    assert study.result("numbers")["name"].tolist() == ["a", ""]
    np.testing.assert_array_equal(study.array("grid"), np.arange(4))
    stage = study.manifest["stages"]["one"]
    assert sorted(stage["files"]) == ["arrays/grid.npy", "results/numbers.csv"]
    assert study.check("one") == 2


def test_the_lede_is_kept_for_the_report(tmp_path):
    with studies.begin(
        tmp_path / "s", study="test", title="T", parameters={}, images=IMAGES, summary="Why?"
    ) as study:
        assert study.manifest["summary"] == "Why?"


def test_findings_keep_their_order_and_the_section_that_shows_them(tmp_path):
    with begin(tmp_path / "s") as study:
        study.stage("findings", lambda draft: draft.findings({"b": ["One.", "Two."], "a": ["3."]}))
    assert study.result("findings").to_dict("list") == {
        "order": [0, 1, 2],
        "section": ["b", "b", "a"],
        "sentence": ["One.", "Two.", "3."],
    }


def test_a_stage_that_is_killed_is_done_again(tmp_path):
    code = f"""
        import os, signal
        from tests.test_studies_folder import begin, write
        with begin({str(tmp_path / "s")!r}) as study:
            study.stage("one", write)
            def dies(draft):
                write(draft)
                os.kill(os.getpid(), signal.SIGKILL)
            study.stage("two", dies)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=_root())
    assert killed.returncode == -signal.SIGKILL
    assert list(studies.open_study(tmp_path / "s").manifest["stages"]) == ["one"]
    with begin(tmp_path / "s") as study:
        study.stage("two", write)
    assert list(study.manifest["stages"]) == ["one", "two"]


def test_other_parameters_are_refused_and_named(tmp_path):
    with begin(tmp_path / "s", size=64):
        pass
    with pytest.raises(Mismatch) as caught, begin(tmp_path / "s", size=32):
        pass
    assert str(caught.value) == (
        f"{tmp_path / 's'}: this study was made with other parameters: size was 64 and is now 32. "
        "Choose another folder for out, or pass the old parameters to continue it."
    )


def test_a_changed_file_of_a_finished_stage_is_found(tmp_path):
    with begin(tmp_path / "s") as study:
        study.stage("one", write)
    path = tmp_path / "s" / "results" / "numbers.csv"
    path.write_text("x\n1\n")
    with begin(tmp_path / "s") as study, pytest.raises(Damaged) as caught:
        study.stage("one", write)
    assert str(caught.value) == (
        f"{path}: this file of the finished stage 'one' was changed since it was written. Restore "
        "it, or start again in a new folder."
    )
    path.unlink()
    with pytest.raises(Damaged, match="is missing"):
        study.check("one")


def test_a_strangers_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StoreError) as caught, begin(tmp_path):
        pass
    assert str(caught.value) == (
        f"{tmp_path}: this folder contains other files ('thesis.tex') and no study. Choose "
        "another folder for out."
    )
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_foreign_manifest_is_refused_before_anything_is_touched(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "an app"}))
    (tmp_path / ".notes.1.repviz.tmp").write_text("mine")
    with pytest.raises(Damaged) as caught, begin(tmp_path):
        pass
    assert str(caught.value) == (
        f"{tmp_path}: manifest.json must be that of a study, and is not. Choose another folder."
    )
    assert (tmp_path / ".notes.1.repviz.tmp").read_text() == "mine"


def test_files_of_the_user_in_a_study_stay(tmp_path):
    for _ in range(2):
        with begin(tmp_path / "s") as study:
            study.stage("one", write)
        (tmp_path / "s" / "results" / ".notes.tmp").write_text("mine")
    assert (tmp_path / "s" / "results" / ".notes.tmp").read_text() == "mine"


def test_a_table_is_checked_when_it_is_read(tmp_path):
    with begin(tmp_path / "s") as study:
        study.stage("one", write)
    path = tmp_path / "s" / "results" / "numbers.csv"
    path.write_text(path.read_text().replace("0.3", "0.4"))
    with pytest.raises(Damaged) as caught:
        study.result("numbers")
    assert str(caught.value) == (
        f"{path}: this file of the finished stage 'one' was changed since it was written. Restore "
        "it, or start again in a new folder."
    )


def test_a_manifest_without_its_checksum_is_refused(tmp_path):
    with begin(tmp_path / "s") as study:
        study.stage("one", write)
    path = tmp_path / "s" / "manifest.json"
    manifest = study.manifest
    del manifest["checksum"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(Damaged, match="must contain its own checksum, and has none"):
        studies.open_study(tmp_path / "s")


def test_texts_stay_texts_and_numbers_numbers(tmp_path):
    table = pd.DataFrame(
        {
            "factor": ["2019", "007", ""],
            "value": [1.5, np.nan, 2.0],
            "some": ["", 3, 4],
            "warnings": ["", "", ""],
            "bound": [np.nan, np.nan, np.nan],
            "good": [True, False, True],
        }
    )
    with begin(tmp_path / "s") as study:
        study.stage("one", lambda draft: draft.table("table", table))
    read = study.result("table")
    assert read["factor"].tolist() == ["2019", "007", ""]
    assert read["some"].tolist()[1:] == [3, 4]
    assert read["value"].isna().tolist() == [False, True, False]
    assert read["warnings"].tolist() == ["", "", ""]
    assert read["bound"].isna().all()
    assert read["good"].dtype == bool


@pytest.mark.parametrize("text", [None, [], {"a": 1}, {"a": [1]}, {"a": "b"}])
def test_a_manifest_with_impossible_columns_is_refused(tmp_path, text):
    with begin(tmp_path / "s") as study:
        study.stage("one", write)
    manifest = study.manifest
    manifest["stages"]["one"]["text"] = text
    durable.write_record(tmp_path / "s" / "manifest.json", manifest)
    with pytest.raises(Damaged, match=r"and the columns of its tables that are texts"):
        study.check("one")


@pytest.mark.parametrize(
    "files", [None, [], {"a": 1}, {f"{n}": "" for n in range(100_001)}, {"../x": "0"}]
)
def test_a_manifest_with_impossible_stages_is_refused(tmp_path, files):
    with begin(tmp_path / "s") as study:
        study.stage("one", write)
    manifest = study.manifest
    manifest["stages"]["one"]["files"] = files
    durable.write_record(tmp_path / "s" / "manifest.json", manifest)
    with pytest.raises(Damaged, match=r"the manifest must list files|the entry 'stages' must give"):
        study.check("one")


def test_what_a_killed_process_left_is_swept_away(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / ".manifest.json.123.repviz.tmp").write_text("half")
    with begin(tmp_path / "s") as study:
        study.stage("one", write)
    (tmp_path / "s" / "results" / ".numbers.csv.124.repviz.tmp").write_text("half")
    with begin(tmp_path / "s") as study:
        study.stage("one", write)
    assert not list((tmp_path / "s").rglob("*.tmp"))


def test_numbers_of_two_versions_are_not_mixed(tmp_path):
    with begin(tmp_path / "s") as study:
        manifest = study.manifest
    manifest["versions"]["numpy"] = "1.0.0"
    durable.write_record(tmp_path / "s" / "manifest.json", manifest)
    sentence = r"other parameters: numpy was '1\.0\.0' and is now '"
    with pytest.raises(Mismatch, match=sentence), begin(tmp_path / "s"):
        pass


def test_two_processes_do_not_share_a_folder(tmp_path):
    with begin(tmp_path / "s"), pytest.raises(StoreError) as caught, begin(tmp_path / "s"):
        pass
    assert str(caught.value) == (
        f"{tmp_path / 's'}: only one process at a time may write to this folder, and another one "
        "is writing to it. Wait until it ends, or choose another folder."
    )


def test_a_folder_without_a_manifest_is_no_study(tmp_path):
    with pytest.raises(InputError, match="got no manifest"):
        studies.open_study(tmp_path)


@pytest.mark.parametrize(
    ("manifest", "error", "sentence"),
    [
        pytest.param(
            {"format": "other"},
            Damaged,
            "manifest.json must be that of a study, and is not. Choose another folder.",
            id="other format",
        ),
        pytest.param(
            {"format": "repviz study", "version": 9},
            Mismatch,
            "a study must have format version 3, got 9. Use the release that wrote it.",
            id="other version",
        ),
    ],
)
def test_a_manifest_of_something_else_is_one_sentence(tmp_path, manifest, error, sentence):
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(error) as caught:
        studies.open_study(tmp_path)
    assert str(caught.value) == f"{tmp_path}: {sentence}"


def test_a_result_that_is_not_there_lists_those_that_are(tmp_path):
    with begin(tmp_path / "s") as study:
        study.stage("one", write)
    with pytest.raises(Damaged) as caught:
        study.result("sweep")
    assert str(caught.value) == (f"{tmp_path / 's'}: no result is called 'sweep'. Known: numbers.")


@pytest.mark.parametrize(("name", "read"), [("results/x.csv", "result"), ("arrays/x.npy", "array")])
def test_a_pipe_among_its_files_is_not_waited_for(name, read, tmp_path):
    with begin(tmp_path / "s") as study:
        study.stage("one", write)
    path = tmp_path / "s" / name
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    with pytest.raises(Damaged) as caught:
        getattr(study, read)("x")
    assert str(caught.value) == (
        f"{path}: this must be a regular file. Restore it, or start again in a new folder."
    )


def test_what_is_left_out_says_why(tmp_path):
    with begin(tmp_path / "s") as study:
        study.skip("training", "there are no labels")
    assert study.manifest["skipped"] == {"training": "there are no labels"}


def _root():
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
