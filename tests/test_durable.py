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
    written = {"b": (1, 2.5, float("inf")), "a": "é \udc80", "deep": {"1": None}}
    durable.write_record(tmp_path / "deep" / "a.json", written)
    read = durable.read_record(tmp_path / "deep" / "a.json")
    assert read.pop(durable.CHECKSUM) == durable.read_json(tmp_path / "deep" / "a.json")["checksum"]
    assert read == {**written, "b": [1, 2.5, float("inf")]}
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
        f"{tmp_path / 'a.txt'}: cannot be written: the disk is full. Free some space and run "
        "again: what is finished is kept."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_one_sentence(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(StoreError) as caught:
        durable.write_text(tmp_path / "a" / "b.txt", "x")
    assert str(caught.value) == (
        f"{tmp_path / 'a' / 'b.txt'}: cannot be written: a file with this name already exists. "
        "Choose another folder."
    )


def test_json_that_is_none_is_damage(tmp_path):
    with pytest.raises(Damaged) as caught:
        durable.read_json(tmp_path / "a.json")
    assert str(caught.value) == (f"{tmp_path / 'a.json'}: this file is missing. {durable.RESTORE}")
    (tmp_path / "a.json").write_bytes(b'{"half": ')
    with pytest.raises(Damaged) as caught:
        durable.read_json(tmp_path / "a.json")
    assert str(caught.value) == (
        f"{tmp_path / 'a.json'}: this file is not readable JSON. {durable.RESTORE}"
    )


@pytest.mark.slow
def test_every_flipped_bit_of_a_record_that_changes_a_value_is_found(tmp_path):
    path = tmp_path / "a.json"
    record = {"version": 3, "mean": [0.5, 1e-05], "name": "é", "on": True}
    durable.write_record(path, record)
    content = path.read_bytes()
    for place in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            path.write_bytes(flipped)
            try:
                read = durable.read_record(path)
            except Damaged:
                continue
            # What is left has the same values, or visibly no checksum.
            assert read.pop(durable.CHECKSUM, None) is None or read == record


def test_a_record_that_is_not_as_it_was_written(tmp_path):
    path = tmp_path / "a.json"
    durable.write_record(path, {"size": 64})
    path.write_text(path.read_text().replace("64", "65"))
    with pytest.raises(Damaged) as caught:
        durable.read_record(path)
    assert str(caught.value) == (
        f"{path}: the content of this file does not match its checksum. Restore it from a copy, "
        "or create the folder again."
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "must hold a JSON object, got a list"),
        ("null", "must hold a JSON object, got null"),
        ("[" * 100_000 + "]" * 100_000, "is not readable JSON"),
        ('{"size": "64"}', "size"),
        ("{}", "size"),
    ],
)
def test_records_of_another_form_are_one_sentence(tmp_path, text, reason):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(Damaged) as caught:
        durable.check_fields(path, durable.read_record(path), {"size": int})
    got = "a text" if "64" in text else "no such entry"
    sentence = f"this file {reason}."
    if reason == "size":
        sentence = f"the entry 'size' must be a whole number, got {got}."
    assert str(caught.value) == f"{path}: {sentence} {durable.RESTORE}"


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(Damaged, match=r"cannot be read \('not a regular file'\)"):
        durable.read_json(tmp_path / "a.json")


@pytest.mark.parametrize("listed", ["/etc/passwd", "../x", "a/../../x", "link/x", "", None, "a\0"])
def test_a_manifest_lists_files_of_its_own_folder_only(tmp_path, listed):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "link").symlink_to(tmp_path)
    with pytest.raises(Damaged) as caught:
        durable.contained(tmp_path / "s", listed)
    assert str(caught.value) == (
        f"{tmp_path / 's'}: the manifest must list files inside this folder, got {listed!r}. "
        f"{durable.RESTORE}"
    )


def test_only_temporary_files_of_ours_are_leftovers(tmp_path):
    ours = tmp_path / "deep" / ".a.csv.123.repviz.tmp"
    ours.parent.mkdir()
    ours.write_text("half")
    for name in (".a.csv.123.tmp", ".a.repviz.tmp", "a.csv.123.repviz.tmp", ".swp.tmp"):
        (tmp_path / name).write_text("mine")
    (tmp_path / ".b.1.repviz.tmp").symlink_to(ours)
    assert durable.leftovers(tmp_path) == [ours]


def test_what_a_killed_process_left_of_a_new_file_is_removed(tmp_path):
    code = f"""
        import os, signal
        from repviz import durable
        with durable.replacing({str(tmp_path / "x")!r}) as temporary:
            temporary.mkdir()
            (temporary / "half").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)])
    assert len(list(tmp_path.iterdir())) == 1
    durable.remove_abandoned(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_takes_its_name_complete_or_not_at_all(tmp_path):
    def fill(temporary, error):
        (temporary / "deep").mkdir(parents=True)
        (temporary / "deep" / "a").write_text("complete")
        if error:
            raise error

    with pytest.raises(KeyError), durable.replacing(tmp_path / "x") as temporary:
        fill(temporary, KeyError("boom"))
    assert list(tmp_path.iterdir()) == []
    with durable.replacing(tmp_path / "x") as temporary:
        fill(temporary, None)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x" / "deep" / "a").read_text() == "complete"


def test_a_name_that_is_no_utf8_is_written_as_codes(tmp_path):
    durable.write_text(tmp_path / "a.csv", "a\udcff,b")
    assert (tmp_path / "a.csv").read_text() == "a\\udcff,b"
