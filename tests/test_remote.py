"""Calls in processes of their own give what they give in turn, and end in one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from functools import partial

import numpy as np
import pytest
import torch

from repviz import remote
from repviz.errors import InputError, Unavailable
from repviz.training.autoencoder_recipe import fit_autoencoder
from repviz.training.data import TrainingData


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(remote, "usable_cores", lambda: 2)


def results(calls, **options):
    with remote.results(calls, **options) as returned:
        return list(returned)


def square(x):
    return x * x, os.getpid(), torch.get_num_threads()


def refuse():
    raise InputError("seed 3 is refused")


def warn():
    warnings.warn("the last value is missing", UserWarning, stacklevel=1)
    return 1


def last_error(data, k):
    _, history = fit_autoencoder(data, bottleneck=k, effort=0.05)
    return history["validation_mse"].to_numpy()


@pytest.mark.slow
def test_results_come_in_order_from_other_processes_of_one_thread():
    values, processes, threads = zip(*results([partial(square, x) for x in range(12)]), strict=True)
    assert values == tuple(x * x for x in range(12))
    assert os.getpid() not in processes
    assert set(threads) == {1}


def test_in_turn_they_run_here_each_when_its_result_is_taken():
    done = []
    with remote.results([partial(done.append, x) for x in range(3)], in_turn=True) as returned:
        next(returned)
    assert done == [0]


def test_with_one_thread_they_run_here(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert results([partial(square, 3)])[0][1] == os.getpid()


@pytest.mark.slow
def test_a_fit_does_not_depend_on_where_it_ran_or_on_what_was_computed_before():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (60, 1, 16, 16), dtype=np.uint8)
    data = TrainingData(X[:40], X[40:], max_bottleneck=4)
    calls = [partial(last_error, data, k) for k in (2, 3, 4)]
    apart = results(calls)
    assert "linear" not in vars(data)
    data.linear, data.copies  # noqa: B018 - computed here, and not sent along
    again = results(calls[1:])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    in_turn = results(calls, in_turn=True)
    torch.set_num_threads(threads)
    np.testing.assert_array_equal(again, apart[1:])
    np.testing.assert_allclose(in_turn, apart, rtol=1e-5)


@pytest.mark.slow
def test_an_error_is_raised_as_it_is_and_a_warning_given_here():
    with pytest.raises(InputError, match="seed 3 is refused"):
        results([refuse, warn, warn])
    with pytest.warns(UserWarning, match="the last value is missing"):
        assert results([warn]) == [1]


@pytest.mark.slow
def test_a_process_that_is_killed_is_named():
    with pytest.raises(Unavailable) as caught:
        results([_die])
    assert str(caught.value) == (
        "processes: every worker process must run to its end, got one that was killed "
        "(out of memory?). Run the same command again: what is finished is kept. With "
        "OMP_NUM_THREADS=1 set, one part runs at a time."
    )


@pytest.mark.slow
def test_what_cannot_be_pickled_is_refused():
    with pytest.raises(InputError) as caught:
        results([partial(print, threading.Lock())])
    assert str(caught.value) == (
        "processes: calls that run in worker processes must be picklable, got 'TypeError: cannot "
        "pickle '_thread.lock' object'. Define it in a module, or set OMP_NUM_THREADS=1."
    )


@pytest.mark.slow
def test_they_end_when_their_parent_is_killed(tmp_path):
    code = """
        import os, time
        from functools import partial
        from pathlib import Path
        from repviz import remote

        def sleep(path):
            path.write_text(str(os.getpid()))
            time.sleep(600)

        remote.usable_cores = lambda: 2
        folder = Path(os.sys.argv[1])
        with remote.results([partial(sleep, folder / "a"), partial(sleep, folder / "b")]) as them:
            list(them)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), tmp_path]
    parent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_until(lambda: all((tmp_path / name).exists() for name in "ab"))
    parent.kill()
    parent.wait()
    for name in "ab":
        process = int((tmp_path / name).read_text())
        wait_until(lambda process=process: not running(process))


def wait_until(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.2)
    raise AssertionError("not within two minutes")


def running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _die():
    os.kill(os.getpid(), 9)
