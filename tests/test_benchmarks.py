"""The benchmarks beside other packages: their ratios, their report, and what the README claims."""

import json
import math
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts" / "bench"))
import arms
import measuring
import pca_streaming
import run_all
import table_page

ROOT = Path(__file__).parents[1]
BENCH = ROOT / "scripts" / "bench"
REPORT = ROOT / "reports" / "benchmarks"
README = (ROOT / "README.md").read_text(encoding="utf-8")
HEADING = "## Beside other packages"
SHARED = measuring.Comparison("pca", "components", 1000, "rows", "pca_streaming.py")


def a_row(**changes):
    ours, theirs = [1.0, 2.0, 4.0], [2.0, 2.0, 12.0]
    fields = {"measure": "processor time", "unit": "s", "peer": ("peer", "peer 1.0")} | changes
    return SHARED.row(**fields, ours=ours, theirs=theirs)


# Truth.


def test_a_ratio_is_the_median_over_rounds_and_its_spread_the_extremes():
    row = a_row()
    assert (row.ours, row.theirs) == (2, 2)
    assert (row.ratio, row.ratio_min, row.ratio_max, row.rounds) == (2, 1, 3, 3)


def test_a_call_costs_the_processor_time_of_its_children_too():
    code = "import time\nwhile time.process_time() < 0.5: pass"
    spent = measuring.seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))
    assert spent.cpu >= 0.5


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux alone")
def test_the_peak_starts_anew():
    # In a process of its own: one that has freed memory takes from that first.
    code = (
        "import measuring\n"
        "bytearray(64 << 20)\n"
        "before = measuring.reset_peak()\n"
        "held = bytearray(32 << 20)\n"
        "print(measuring.peak_memory() - before)"
    )
    command = [sys.executable, "-c", code]
    folder = Path(measuring.__file__).parent
    printed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    assert 30 <= float(printed) <= 40


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.456, "0.46"), (9.994, "9.99"), (12.34, "12.3"), (123.4, "123"), (186950.0, "187,000")],
)
def test_a_number_is_printed_with_three_digits(value, text):
    assert table_page.number(value) == text


def test_figures_that_should_agree_are_compared():
    task = arms.Workload("t", "rows", 10, 5, (), equal={"dimension": 0.1})
    assert arms.different(task, {"dimension": 10.0}, {"dimension": 10.9}) == ""
    assert (
        arms.different(task, {"dimension": 10.0}, {"dimension": 12.0})
        == "computes something else: dimension 12, ours 10"
    )


# Edges.


def test_a_peer_without_its_environment_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(arms, "PEERS", tmp_path)
    arm = arms.Arm(lambda given, n: None, "peer", "peer", environment="nowhere")
    assert (
        arms.run_arm(arm, (0, 1), Namespace(work=tmp_path))
        == "no environment 'nowhere': run scripts/bench/peers"
    )


def test_a_peer_that_was_left_out_has_a_reason_and_no_ratio():
    row = SHARED.left_out("peer", "needs Python 3.13")
    assert row.is_left_out
    assert math.isnan(row.ratio)
    page = table_page.page([a_row(), row], {**ABOUT})
    assert "Left out: peer: needs Python 3.13." in page


ABOUT = {
    "cores": 2, "processor": "P", "memory_gib": 8, "gpu": "none used", "system": "Linux 6",
    "python": "3.11.7", "load_before": 0.1, "load_after": 1.2, "minutes": 3.0,
    "versions": {"repviz-toolkit": "0.1.0"},
}  # fmt: skip


def test_rows_survive_their_file_and_scripts_that_did_not_run_keep_theirs(tmp_path):
    other = measuring.Comparison("lrn", "normalisation", 32, "images", "lrn.py")
    lrn = other.row("processor time", "s", ("torch", "torch 2"), [1.0], [3.0])
    gone = SHARED.left_out("absent", "no such package")
    run_all.write(tmp_path, {"pca_streaming": [a_row(), gone], "lrn": [lrn]}, ABOUT)
    assert run_all.read(tmp_path / "benchmarks.csv")[::2] == [a_row(), lrn]
    page = (tmp_path / "README.md").read_text()
    run_all.write(tmp_path, {"lrn": [lrn]}, ABOUT)
    assert (tmp_path / "README.md").read_text() == page
    assert len(run_all.read(tmp_path / "benchmarks.csv")) == 3


@pytest.mark.slow
def test_a_benchmark_writes_its_rows(tmp_path):
    words = ["--n", "1500", "--features", "512", "--rounds", "1", "--json", tmp_path / "rows.json"]
    subprocess.run([sys.executable, BENCH / "pca_streaming.py", *words], check=True)
    rows = [measuring.Row(**one) for one in json.loads((tmp_path / "rows.json").read_text())]
    assert [row.measure for row in rows] == list(pca_streaming.TASK.measures)
    assert all(row.ratio > 0 and row.n == 1500 for row in rows)


# The report in the repository.


def rows():
    return run_all.read(REPORT / "benchmarks.csv")


def test_every_row_names_a_script():
    names = {row.script for row in rows()}
    assert names == {f"{name}.py" for name in run_all.SCRIPTS}
    assert all((BENCH / name).is_file() for name in names)


def test_no_two_rows_are_the_same():
    keys = [row.key for row in rows()]
    assert len(keys) == len(set(keys))


def test_the_page_is_that_of_its_table():
    about = json.loads((REPORT / "machine.json").read_text())
    assert (REPORT / "README.md").read_text() == table_page.page(rows(), about)


# The README.


def section():
    _, after = README.split(f"\n{HEADING}\n")
    return after.split("\n## ")[0]


def claims():
    """The cells of each line of the README's table."""
    lines = [line for line in section().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_the_readme_has_its_table():
    assert 8 <= len(claims()) <= 12


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: f"{claim[0]}, {claim[2]}")
def test_every_ratio_of_the_readme_is_in_the_table(claim):
    task, n, peer, measure, ratio, script = claim
    own = [row for row in rows() if (row.task, row.measure) == (task, measure)]
    own = [row for row in own if f"{row.peer} ({row.version})" == peer]
    assert len(own) == 1
    row = own[0]
    printed = [float(text.replace(",", "")) for text in re.findall(r"[\d.,]*\d", ratio)]
    for text, value in zip(printed, (row.ratio, row.ratio_min, row.ratio_max), strict=True):
        assert text == float(table_page.number(value).replace(",", ""))
    assert n == f"{row.n:,} {row.items}"
    assert f"(scripts/bench/{row.script})" in script


def test_the_readme_claims_no_speed_elsewhere():
    elsewhere = README.replace(section(), "")
    claim = r"\b(?:faster|slower|speed-?ups?|times (?:as|ours)|\d+ ?[x×] (?:as|less|more))\b"
    assert re.findall(claim, elsewhere) == []
