"""Freed memory stays within the block, and goes back to the system behind it."""

import platform
import threading

import numpy as np
import pytest

from repviz import memory
from repviz.memory import recycled

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks glibc")


def faults(work):
    """How many pages of memory the system hands out while ``work`` runs."""
    import resource

    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    work()
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def touch():
    for _ in range(4):
        for _ in range(3):  # blocks that numpy asks no huge pages for
            np.ones(3 * 2**20, np.uint8)


@glibc
def test_the_second_time_costs_no_pages():
    with recycled():
        touch()
        assert faults(touch) < 100
        with recycled():
            pass
        assert faults(touch) < 100  # the inner block does not end the outer


@glibc
def test_behind_the_block_memory_goes_back():
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    before = resident()
    with recycled():
        blocks = [np.ones(2**20, np.uint8) for _ in range(200)]
        del blocks
        within = resident() - before
    assert within > 150 * 2**20
    assert resident() - before < 50 * 2**20


@glibc
def test_blocks_in_several_threads_count_together():
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with recycled():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait()
    with recycled():
        pass
    assert memory._depth == 1
    leave.set()
    thread.join()
    assert memory._depth == 0


def test_with_another_library_it_does_nothing(monkeypatch):
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    with recycled():
        assert memory._depth == 0
