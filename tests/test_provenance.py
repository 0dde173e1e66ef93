"""Hashes, versions, differences, and progress that goes where it is sent."""

import hashlib
from contextlib import contextmanager

import numpy as np
import pytest

from repviz import progress, provenance


def test_hashes_are_sha256(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    # The value that FIPS 180-2, appendix B.1 gives for "abc".
    truth = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert provenance.sha256(b"a", b"bc") == truth
    assert provenance.file_sha256(tmp_path / "f") == truth
    assert provenance.key({"b": 1, "a": 2}) == provenance.key({"a": 2, "b": 1})
    assert provenance.key({"a": 2}) == hashlib.sha256(b'{"a": 2}').hexdigest()


def test_differences_name_each_parameter():
    before, now = {"seed": 0, "size": 64, "old": 1}, {"seed": 1, "size": 64, "new": [2]}
    assert provenance.differences(before, now) == [
        "new was 'not set' and is now [2]",
        "old was 1 and is now 'not set'",
        "seed was 0 and is now 1",
    ]


def test_versions_are_those_that_are_installed():
    versions = provenance.versions()
    assert versions["numpy"] == np.__version__
    assert "repviz-toolkit" in versions
    assert provenance.machine()["processors"] >= 1


def test_progress_is_silent_until_it_is_shown():
    shown = []

    class Reporter:
        @contextmanager
        def task(self, label, total, unit):
            shown.append((label, total, unit))
            yield shown.append

        def say(self, sentence):
            shown.append(sentence)

    with progress.task("decode", 2) as advance:
        advance(1)
    assert shown == []
    with progress.shown_by(Reporter()):
        progress.say("hello")
        with progress.task("decode", 2, "rows") as advance:
            advance(2)
    progress.say("nobody hears this")
    assert shown == ["hello", ("decode", 2, "rows"), 2]


def test_events_reach_the_observer_alone():
    seen = []
    event = progress.Event("stage", "sweep", "written")
    progress.announce(event)
    with progress.observed_by(seen.append):
        progress.announce(event)
    progress.announce(event)
    assert seen == [event]


@pytest.mark.parametrize(
    ("words", "recorded"),
    [
        (
            [
                "/usr/bin/repviz",
                "study",
                "faces",
                "--images",
                "folder:/home/jane doe/f",
                "--seed=3",
            ],
            "repviz study faces --images folder:.../f --seed=3",
        ),
        (
            ["repviz", "sweep", "x", "--api-key", "SECRET", "--size", "64"],
            "repviz sweep x --api-key ... --size 64",
        ),
        (["repviz", "sweep", "--api-key=SECRET"], "repviz sweep --api-key=..."),
        (["repviz", "train", "https://jane:SECRET@host/x"], "repviz train https://host/x"),
        (["/x/repviz/__main__.py", "list"], "repviz list"),
        (["script.py", "--api-key", "SECRET"], "from Python"),
    ],
)
def test_commands_are_recorded_without_secrets(words, recorded):
    assert provenance.command(words) == recorded
    with provenance.private():
        assert provenance.command(words) == ""


@pytest.mark.parametrize(
    ("text", "recorded"),
    [
        ("faces/a", "faces/a"),
        ("orl", "orl"),
        ("drawn-faces:60@6", "drawn-faces:60@6"),
        ("conv*=mean,fc*=none", "conv*=mean,fc*=none"),
        ("..a/b", "..a/b"),
        ("/home/jane/faces", ".../faces"),
        ("/home/jane, d=e/faces", ".../faces"),
        ("~/faces", ".../faces"),
        ("../jane/faces", ".../faces"),
        ("a/../../jane/faces", ".../faces"),
        ("a/..", "..."),
        ("/", "..."),
        ("folder:/home/jane/faces/", "folder:.../faces"),
        ("array:~/x.npz, image 3", "array:.../x.npz, image 3"),
        ("torchvision:CIFAR10@/home/jane/data", "torchvision:CIFAR10@.../data"),
        ("https://jane:SECRET@host/x?token=SECRET#SECRET", "https://host/x"),
    ],
)
def test_absolute_paths_and_secrets_of_urls_are_not_recorded(text, recorded):
    assert provenance.portable(text) == recorded
    with provenance.private():
        assert provenance.portable(text).endswith("...")
        assert provenance.machine() == {}
