"""Files that are wholly there or not at all."""

import errno
import os
import subprocess
import sys
import textwrap

import pytest

from repviz import durable
from repviz.errors import Damaged, StoreError


def test_what_was_written_is_read(tmp_path):
    durable.write_json(tmp_path / "deep" / "a.json", {"b": [1, 2], "a": "é"})
    assert durable.read_json(tmp_path / "deep" / "a.json") == {"a": "é", "b": [1, 2]}
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.json"]


def test_a_failure_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "a.txt"
    durable.write_text(path, "old")

    def write_half():
        with durable.replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyError("boom")

    with pytest.raises(KeyError):
        write_half()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_kill_in_mid_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    durable.write_text(path, "old")
    code = f"""
        import os, signal
        from repviz import durable
        with durable.replacing({str(path)!r}) as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code)])
    assert killed.returncode == -9
    assert path.read_text() == "old"


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError) as caught:
        durable.write_text(tmp_path / "a.txt", "x")
    assert str(caught.value) == (
        f"{tmp_path / 'a.txt'}: cannot be written, the disk is full. "
        "Free some space and run again: what is finished is kept."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_one_sentence(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(StoreError) as caught:
        durable.write_text(tmp_path / "a" / "b.txt", "x")
    assert str(caught.value) == (
        f"{tmp_path / 'a' / 'b.txt'}: cannot be written, a file of this name is in the way. "
        "Choose another folder."
    )


def test_json_that_is_none_is_damage(tmp_path):
    with pytest.raises(Damaged) as caught:
        durable.read_json(tmp_path / "a.json")
    assert str(caught.value) == (
        f"{tmp_path / 'a.json'}: this file is missing. Make the folder anew."
    )
    (tmp_path / "a.json").write_bytes(b'{"half": ')
    with pytest.raises(Damaged) as caught:
        durable.read_json(tmp_path / "a.json")
    assert str(caught.value) == (
        f"{tmp_path / 'a.json'}: this file is not readable JSON. Make the folder anew."
    )
