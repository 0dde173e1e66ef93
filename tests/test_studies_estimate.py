"""What a study or a sweep will take: near what it takes, before it starts, and nothing written."""

from __future__ import annotations

import json
import sys

import pytest

import repviz
from repviz import cli
from repviz.bottleneck import estimate
from repviz.bottleneck.engines import get_engine
from repviz.bottleneck.engines.codec import Codec
from repviz.cost import Cost
from repviz.errors import UnknownName
from repviz.studies import estimate_study


class Clock:
    """A clock that stands still but for the engine's own work."""

    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(estimate, "time", found)
    monkeypatch.setattr(estimate.remote, "workers", lambda: 2)
    monkeypatch.setattr(estimate, "has_accelerator", lambda: False)
    return found


@pytest.fixture
def images():
    return repviz.open_images("digits", limit=60)


def test_the_time_is_that_of_all_fits_at_their_full_length(clock, images):
    """3 s of each fit do not depend on its length, 100 s do; PCA takes no time on this clock."""

    def slow(context, k):
        clock.now += 3 + 100 * context.effort
        pca = get_engine("pca").fit(context, k)
        return pca.encode, pca.decode

    found = estimate_study("bottleneck", images, bottlenecks=[2, 4], engines=[slow], seed=[0, 1, 2])
    assert found.seconds == pytest.approx(2 * 3 * 103 / 2 + estimate.PAGE_SECONDS)
    setup = repviz.SweepSetup(effort=0.2, splits=2)
    found = estimate_study("bottleneck", images, bottlenecks=[2, 4], engines=[slow], setup=setup)
    assert found.seconds == pytest.approx(2 * 2 * 23 / 2 + estimate.PAGE_SECONDS)


def test_what_a_fit_takes_is_counted_for_each_network(clock, images, monkeypatch):
    def fitted(context, k):
        pca = get_engine("pca").fit(context, k)
        return Codec(pca.encode, pca.decode, 10**6, model=object())

    found = estimate_study("bottleneck", images, bottlenecks=[2, 4], engines=[fitted])
    arrays = 3 * 2 * 60 * 64 * estimate.SHOWN
    assert found.disk == pytest.approx(estimate.PAGE_BYTES + 2 * 4 * 10**6 + arrays)
    assert found.memory > estimate.remote.WORKER_BYTES


@pytest.mark.parametrize(
    "words",
    [
        "study layers --model autoencoder --size 16 --sample 40 --layers code,core.h",
        "sweep --engines pca --size 16",
    ],
)
def test_the_commands_print_it_and_write_nothing(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    where = "--images drawn-faces:50 --grey --estimate --json"
    monkeypatch.setattr(sys, "argv", ["repviz", "--quiet", *words.split(), *where.split()])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"disk", "memory", "seconds"}
    assert min(found.values()) > 0
    assert list(tmp_path.iterdir()) == []


def test_it_is_written_as_a_sentence():
    assert str(Cost(2.2e9, 3e7, 119)) == "about 2.2 GB of disk, 30 MB of memory and 119 s"
    assert str(Cost(2.2e9, 3e7, 121)) == "about 2.2 GB of disk, 30 MB of memory and 2 minutes"


def test_a_study_without_an_estimate_is_refused(images):
    with pytest.raises(UnknownName) as error:
        estimate_study("faces", images)
    assert str(error.value) == ("estimate: no study is called 'faces'. Known: layers, bottleneck.")
