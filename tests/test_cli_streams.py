"""Where a stream takes ASCII alone, commands print codes for other characters, and no traceback."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

import repviz
from repviz import cli

LABELS = np.repeat(["Zoë", "日本", "Łódź", "a\udcff"], 10)


@pytest.fixture
def ascii_run(monkeypatch):
    def run(*words) -> tuple[int, str, str]:
        streams = [io.TextIOWrapper(io.BytesIO(), "ascii", errors="strict") for _ in range(2)]
        monkeypatch.setattr(sys, "argv", ["repviz", *map(str, words)])
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", streams[0])
            patched.setattr(sys, "stderr", streams[1])
            with pytest.raises(SystemExit) as end:
                cli.main()
        texts = []
        for stream in streams:
            stream.flush()
            texts.append(stream.buffer.getvalue().decode("ascii"))
        return end.value.code or 0, *texts

    return run


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("übung")
    X = np.random.default_rng(0).normal(size=(40, 6))
    repviz.import_matrix(X, folder / "größe", layer="schicht_ß", labels=LABELS)
    return folder / "größe"


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["list", "--json"],
        ["layers", "autoencoder"],
        ["dimension", "{store}", "--method", "mle", "--option", "k=5"],
        ["dimension", "{store}", "--groups", "label", "--json"],
        ["study", "--help"],
        ["sweep", "--help"],
        ["verify", "{store}"],
    ],
)
def test_commands_print_ascii_where_nothing_else_is_taken(words, store, ascii_run):
    code, out, _ = ascii_run(*(word.format(store=store) for word in words))
    assert code == 0
    assert out.strip()


def test_what_is_no_ascii_is_printed_as_codes(store, ascii_run):
    code, out, _ = ascii_run("export", store, "--format", "npy", "--out", store / "ä.npy")
    assert (code, out) == (
        0,
        "Export: " + f"{store}/ä.npy\n".encode("ascii", "backslashreplace").decode(),
    )
    code, _, err = ascii_run("verify", store / "fehlt-ü")
    assert code == 2
    assert err.startswith("repviz: ")
    assert "fehlt-\\xfc: must be a folder" in err
