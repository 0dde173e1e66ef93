"""What a run that ends early keeps: at most a minute's work is lost, whatever ends it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from torch import nn

from repviz import progress
from repviz.activations import batch_writer, extraction
from repviz.activations.extraction import extract
from repviz.activations.filling import check_contents
from repviz.activations.integrity import verify
from repviz.errors import Mismatch
from repviz.images import open_images
from repviz.models.model import Model, Preprocessing

N, BATCH = 300, 4


class Counted(nn.Module):
    """Counts its images, each of which takes a second of the test's clock; may end the run."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 5)
        self.images, self.end_at, self.error = 0, None, None

    def forward(self, x):
        if len(x) == BATCH:  # not the dry run
            self.images += len(x)
        if self.end_at is not None and self.images >= self.end_at:
            raise self.error
        return self.linear(x.flatten(1))


class Lines:
    def __init__(self):
        self.said = []

    task = progress.SILENT.task

    def say(self, sentence):
        self.said.append(sentence)


@pytest.fixture
def network(monkeypatch):
    torch.manual_seed(0)
    module = Counted().eval()
    monkeypatch.setattr(batch_writer, "monotonic", lambda: float(module.images))
    made_for = Preprocessing((8, 8), 1, (0.5,), (0.5,))
    return Model("counted", module, made_for, ("linear",), "by hand", {})


@pytest.fixture(scope="module")
def images():
    return open_images("digits", limit=N, size=8)


def run(network, images, out):
    """The activations, and how many images went through the network."""
    before = network.module.images
    acts = extract(network, images, out=out, batch=BATCH)
    return acts, network.module.images - before


def test_a_run_killed_at_any_time_loses_a_minute_at_most(network, images, tmp_path):
    saved_at = []

    def copied(event):
        if event.state == "saved":
            shutil.copytree(tmp_path / "run", tmp_path / f"killed {len(saved_at)}")
            saved_at.append(network.module.images)

    with progress.observed_by(copied):
        complete, passed = run(network, images, tmp_path / "run")
    assert passed == N
    assert max(np.diff([0, *saved_at, N])) <= batch_writer.SAVE_EVERY + 2 * BATCH  # in flight
    for number, at in enumerate(saved_at):  # what lies on the disk when the process is gone
        folder = tmp_path / f"killed {number}"
        again, passed = run(network, images, folder)
        assert N - at <= passed <= N - at + 2 * BATCH
        np.testing.assert_array_equal(again["linear"][:], complete["linear"][:])
        assert again.rows.equals(complete.rows)
        assert not (folder / "unfinished").exists()
        assert verify(folder).ok


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), True),
        (BrokenPipeError(), False),  # nobody reads what would be said
    ],
    ids=["Ctrl-C", "closed pipe"],
)
def test_what_is_done_is_kept_when_the_run_is_ended(network, images, tmp_path, error, said):
    network.module.end_at, network.module.error = 42, error
    lines = Lines()
    with pytest.raises(type(error)), progress.shown_by(lines):
        extract(network, images, out=tmp_path / "a", batch=BATCH)
    sentence = (
        f"extract: 40 of 300 images are kept in {tmp_path / 'a'}. The same call goes on from there."
    )
    assert lines.said == [sentence] * said
    network.module.end_at = None
    assert run(network, images, tmp_path / "a")[1] == N - 40


def test_an_error_of_the_network_saves_nothing_new_and_loses_nothing_old(network, images, tmp_path):
    network.module.end_at, network.module.error = 100, RuntimeError("out of memory")
    with pytest.raises(RuntimeError):
        extract(network, images, out=tmp_path / "a", batch=BATCH)
    network.module.end_at = None
    passed = run(network, images, tmp_path / "a")[1]
    assert N - 60 - 2 * BATCH <= passed <= N - 60 + 2 * BATCH


def test_a_saved_part_that_was_changed_is_computed_again(network, images, tmp_path):
    network.module.end_at, network.module.error = 100, KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        extract(network, images, out=tmp_path / "a", batch=BATCH)
    network.module.end_at = None
    file = tmp_path / "a" / "unfinished" / "000000" / "linear.npy"
    data = bytearray(file.read_bytes())
    data[-20 * 5 * 4 * 12] ^= 1  # within the rows that were saved
    file.write_bytes(data)
    lines = Lines()
    with progress.shown_by(lines):
        passed = run(network, images, tmp_path / "a")[1]
    assert passed == N
    assert lines.said == [f"{file.parent}: not as it was saved, so its rows are computed again."]
    assert verify(tmp_path / "a").ok


def test_an_image_that_changed_since_it_was_saved_is_refused(network, images, tmp_path):
    network.module.end_at, network.module.error = 100, KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        extract(network, images, out=tmp_path / "a", batch=BATCH)
    network.module.end_at = None

    class Changed:
        def __getattr__(self, name):
            return getattr(images, name)

        def __len__(self):
            return N

        def content_hash(self, row):
            return "another" if row == 7 else images.content_hash(row)

    manifest = extraction.layout.read_manifest(tmp_path / "a")
    saved = extraction.writer.saved_record(tmp_path / "a", manifest, 0)
    with pytest.raises(Mismatch) as caught:
        check_contents(tmp_path / "a", Changed(), manifest, {0: saved})
    assert str(caught.value) == (
        f"{tmp_path / 'a'}: the images must be those that this folder was extracted from, but 1 "
        f"have changed since, '{images.where(7)}' first. Choose another folder, or delete this one."
    )
