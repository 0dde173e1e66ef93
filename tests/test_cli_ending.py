"""How a command ends before it is done, and what it says meanwhile in a log."""

from __future__ import annotations

import signal
import sys

import pytest

from repviz import cli
from repviz.cli import output
from repviz.cli.task_log import TaskLog

NET = """
import os, signal, sys
from torch import nn


class Ending(nn.Module):
    images, end = 0, None

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3 * 64, 2)

    def forward(self, x):
        if len(x) == 10:
            Ending.images += 10
            if Ending.end and Ending.images > 50:
                Ending.end()
        return self.linear(x.flatten(1))


def net():
    import torch
    from repviz.models.model import Preprocessing

    torch.manual_seed(0)
    made = Ending()
    made.preprocessing = Preprocessing((8, 8), 3, (0.5,) * 3, (0.5,) * 3)
    return made
"""


@pytest.fixture
def ending(tmp_path, monkeypatch):
    (tmp_path / "a_net_that_ends.py").write_text(NET)
    monkeypatch.syspath_prepend(tmp_path)
    # As in a terminal: what runs in the background of a script ignores SIGINT.
    usual = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    import a_net_that_ends

    yield a_net_that_ends.Ending
    for number, handler in before.items():
        signal.signal(number, handler)
    sys.modules.pop("a_net_that_ends")


def run(monkeypatch, *words):
    """The exit code of the command line."""
    monkeypatch.setattr(sys, "argv", ["repviz", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code or 0


def words(folder):
    network = ("extract", "a_net_that_ends:net", "--images", "digits", "--limit", 100)
    return (*network, "--layers", "linear", "--batch", 10, "--out", folder)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_keeps_what_is_done_and_says_so(ending, monkeypatch, capsys, tmp_path, name):
    number = getattr(signal, name)
    ending.end = lambda: signal.raise_signal(number)
    assert run(monkeypatch, *words(tmp_path / "acts")) == 128 + number
    told = capsys.readouterr().err.splitlines()
    assert told == [
        f"extract: 50 of 100 images are kept in {tmp_path / 'acts'}. The same call goes on from "
        "there.",
        "repviz: stopped. Finished work is kept; run the same command again to continue.",
    ]
    ending.end, ending.images = None, 0
    assert run(monkeypatch, *words(tmp_path / "acts")) == 0
    assert ending.images == 50


def test_a_closed_pipe_keeps_what_is_done(ending, monkeypatch, tmp_path):
    def closed():
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(cli, "_silence", lambda: None)
    ending.end = closed
    assert run(monkeypatch, *words(tmp_path / "acts")) == 141
    ending.end, ending.images = None, 0
    assert run(monkeypatch, *words(tmp_path / "acts")) == 0
    assert ending.images == 50


def test_verbose_names_versions_and_steps(ending, monkeypatch, capsys, tmp_path):
    assert run(monkeypatch, "-v", *words(tmp_path / "acts")) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("  python 3.")
    assert any(line.startswith("  extract: 100 images in ") for line in told)
    assert run(monkeypatch, "-v", "list", "no such family") == 2
    assert "Traceback" in capsys.readouterr().err
    assert run(monkeypatch, "list", "no such family") == 2
    assert "Traceback" not in capsys.readouterr().err
    assert output.VERBOSE.get() is False


def test_a_log_has_a_line_with_rate_and_time_left_every_15_seconds():
    now, said = [0.0], []
    task = TaskLog("extract", 3600, "images", said.append, clock=lambda: now[0])
    for _ in range(36):
        now[0] += 10
        task.advance(100)
    task.finished()
    assert said[:2] == [
        "  extract: 200 of 3,600 images, 10.0 images/s, about 6 min left",
        "  extract: 400 of 3,600 images, 10.0 images/s, about 5 min left",
    ]
    assert said[-2:] == [
        "  extract: 3,400 of 3,600 images, 10.0 images/s, about 20 s left",
        "  extract: 3600 images in 360.0 s",
    ]
    slow = TaskLog("train", 30_000, "steps", said.append, clock=lambda: now[0])
    now[0] += 20
    slow.advance(50)
    assert said[-1] == "  train: 50 of 30,000 steps, 2.5 steps/s, about 3 h 20 min left"
