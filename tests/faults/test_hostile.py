"""A share of the hostile files and calls, in this process; scripts/bench runs all, each in its own.

scripts/bench/hostile_files.py also watches for imports, subprocesses, memory, time and signals.
"""

import os
import subprocess
import sys
from pathlib import Path

import hostile_corpus
import numpy as np
import pytest

from repviz import cli

SCRIPTS = Path(__file__).parents[2] / "scripts" / "bench"
sys.path.insert(0, str(SCRIPTS))
import hostile_calls  # noqa: E402

QUICK = "catalog concatenate dimension export images_from import_matrix invariance layers neighbors"
QUICK += " layer_similarity open_activations open_checkpoint open_study pca probe similarity split"
QUICK += " verify"
OPENED = {
    "store": ["verify {}", "dimension {}"],
    "study": ["verify {}", "report {}"],
    "checkpoint": ["verify {}"],
    "matrix": ["scales {}"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def makers(folder):
    return hostile_corpus.makers(folder, 0)


def states(folder):
    return {path: os.lstat(path).st_mtime_ns for path in sorted(folder.rglob("*"))}


@pytest.mark.slow
@pytest.mark.parametrize("kind", OPENED)
def test_what_opens_a_hostile_file_ends_in_an_answer_or_in_one_sentence(
    kind, makers, folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    names = [name for name in sorted(makers[kind]) if not name.startswith("sparse")]
    rng = np.random.default_rng(sorted(OPENED).index(kind))
    for name in rng.choice(names, 16, replace=False):
        (tmp_path / "c").mkdir(exist_ok=True)
        path = tmp_path / "c" / name
        makers[kind][name](path)
        before = states(tmp_path)
        for command in OPENED[kind]:
            monkeypatch.setattr(sys, "argv", ["repviz", *command.replace("{}", "\0").split()])
            sys.argv[-1] = str(path)
            with pytest.raises(SystemExit) as end:
                cli.main()
            assert end.value.code in (0, 2), (name, command)
            text = capsys.readouterr()
            assert (text.out if end.value.code == 0 else text.err).strip(), (name, command)
        after = states(tmp_path)
        assert {p for p in before | after if before.get(p) != after.get(p)} <= {
            *(path, path / "report.html")
        }
    assert not (folder / hostile_corpus.CANARY).exists()
    assert hostile_corpus.MODULE not in sys.modules


@pytest.mark.slow
def test_hostile_arguments_give_an_answer_or_one_sentence(makers, folder, monkeypatch):
    monkeypatch.chdir(folder)
    faults = []
    for number in range(120):
        rng = np.random.default_rng([1, number])
        function, written, call, refused = hostile_calls.one(rng, QUICK.split())
        end = hostile_calls.outcome(call, refused)
        if end.startswith("FAULT"):
            faults.append((number, function, written, end))
    assert faults == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["hostile_files.py", "--every", "800"], ["hostile_calls.py", "--calls", "20"]]
)
def test_a_larger_share_in_processes_of_their_own(words):
    script, *options = words
    done = subprocess.run(
        [sys.executable, SCRIPTS / script, *options, "--seed", "2"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
