"""Activations at an fsspec address: the rows of a folder, whatever ends the process on the way."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import repviz
from repviz import cli
from repviz.activations import addresses, extraction, object_store
from repviz.activations.filling import Buffers
from repviz.activations.layout import read_commit
from repviz.errors import Damaged, InputError, Mismatch, StoreError, Unavailable

fsspec = pytest.importorskip("fsspec")

ADDRESS = "memory://bucket/acts"
LAYERS = {"layers": ("code", "core.h"), "batch": 4}
SHARDS, PARTS = 4, 2


@pytest.fixture(scope="module")
def model():
    return repviz.open_model("autoencoder", size=16, bottleneck=4)


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """Shards of 8 rows, a cache of our own, an empty store."""
    monkeypatch.setattr(extraction, "SHARD_ROWS", 8)
    monkeypatch.setenv("REPVIZ_CACHE", str(tmp_path / "cache"))
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]


@pytest.fixture
def images():
    return repviz.open_images("drawn-faces:30", size=16)


@pytest.fixture
def folder(model, images, tmp_path):
    """The same extraction into a folder."""
    return repviz.extract(model, images, tmp_path / "folder", **LAYERS)


def objects():
    """Name and content of each object."""
    files = fsspec.filesystem("memory")
    return {name.removeprefix("/bucket/acts/"): files.cat_file(name) for name in files.find("/")}


def same(acts, folder):
    return acts.rows.equals(folder.rows) and all(
        np.array_equal(acts[layer], folder[layer]) for layer in folder.layers
    )


def other_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("REPVIZ_CACHE", str(tmp_path / "other"))


# ---------------------------------------------------------------------------------------- truth


def test_the_rows_are_those_of_a_folder_and_nothing_is_left_in_the_staging(
    model, images, folder, tmp_path
):
    acts = repviz.extract(model, images, ADDRESS, **LAYERS)
    assert same(acts, folder)
    assert acts.key == folder.key
    assert repr(acts) == f"<activations '{ADDRESS}': 30 images, code, core.h>"
    assert list((tmp_path / "cache" / "staging").iterdir()) == []
    assert repviz.verify(ADDRESS) == repviz.verify(folder.path)


def test_an_object_of_rows_has_the_bytes_of_the_file_and_its_checksum_in_its_name(
    model, images, folder
):
    repviz.extract(model, images, ADDRESS, **LAYERS)
    found = objects()
    sums = read_commit(folder.path, 1)["xxh3_128"]
    name = f"layers/code/000001-{sums['code']}.npy"
    assert found[name] == (folder.path / "layers" / "code" / "000001.npy").read_bytes()
    assert len(found) == 1 + SHARDS * 3 + 2


def test_rows_are_fetched_when_they_are_used_and_once(model, images, monkeypatch, tmp_path):
    repviz.extract(model, images, ADDRESS, **LAYERS)
    other_machine(monkeypatch, tmp_path)
    fetched, get = [], object_store._Objects.get

    def counted(self, name, file):
        fetched.append(name.partition("-")[0])
        get(self, name, file)

    monkeypatch.setattr(object_store._Objects, "get", counted)
    acts = repviz.open_activations(ADDRESS)
    assert fetched == ["rows"]
    _ = acts["code"][9], acts["code"][10], repviz.open_activations(ADDRESS)["code"][8:12]
    assert fetched == ["rows", "layers/code/000001"]


# ----------------------------------------------------------------------------------------- laws


@pytest.mark.parametrize("broken", range(SHARDS * 3 + 3))
def test_killed_at_any_object_another_machine_continues_and_fetches_no_rows(
    model, images, folder, monkeypatch, tmp_path, broken
):
    writes = []

    def dies(kind):
        write = getattr(object_store._Objects, kind)

        def counted(self, *words):
            writes.append(words)
            if len(writes) == broken + 1:
                raise KeyboardInterrupt
            return write(self, *words)

        return counted

    for kind in ("put", "create"):
        monkeypatch.setattr(object_store._Objects, kind, dies(kind))
    with pytest.raises(KeyboardInterrupt):
        repviz.extract(model, images, ADDRESS, **LAYERS)
    if broken:
        with pytest.raises((Damaged, StoreError), match=f"^{ADDRESS}: "):
            repviz.open_activations(ADDRESS)
    begun = objects()
    if broken % 2:
        other_machine(monkeypatch, tmp_path)
    fetched = []
    monkeypatch.setattr(object_store, "fetch", lambda *words: fetched.append(words))
    with monkeypatch.context() as patch:
        patch.setattr(object_store, "opened", lambda who, path: (_ for _ in ()).throw(EOFError))
        with pytest.raises(EOFError):
            repviz.extract(model, images, ADDRESS, **LAYERS)
    assert [words for words in fetched if words[1].suffix == ".npy"] == []
    monkeypatch.undo()
    monkeypatch.setenv("REPVIZ_CACHE", str(tmp_path / "reader"))
    assert same(repviz.open_activations(ADDRESS), folder)
    assert begun.items() <= objects().items()  # nothing that was there was changed


def test_two_jobs_without_a_common_disk_fill_one_address(
    model, images, folder, monkeypatch, tmp_path
):
    for rank in range(PARTS):
        monkeypatch.setenv("REPVIZ_CACHE", str(tmp_path / f"job{rank}"))
        acts = repviz.extract(model, images, ADDRESS, part=(rank, PARTS), **LAYERS)
        assert acts.finished == (rank == PARTS - 1)
        assert list((tmp_path / f"job{rank}" / "staging").iterdir()) == []
    assert same(acts, folder)


def test_of_two_writers_whose_values_differ_by_rounding_the_first_record_counts(
    model, images, folder, monkeypatch, tmp_path
):
    """The second writer begins when the first has uploaded the rows of shard 2, not its commit."""
    create, keep, seen = object_store._Objects.create, Buffers.keep, []
    theirs = repviz.open_model("autoencoder", size=16, bottleneck=4)

    def rounded(self, name, y):
        keep(self, name, y + 2**-20)

    def interleaved(self, name, content):
        if name == "commits/000002.json" and not seen:
            seen.append(name)
            with monkeypatch.context() as patch:
                other_machine(patch, tmp_path)
                patch.setattr(Buffers, "keep", rounded)
                repviz.extract(theirs, images, ADDRESS, **LAYERS)
        return create(self, name, content)

    monkeypatch.setattr(object_store._Objects, "create", interleaved)
    acts = repviz.extract(model, images, ADDRESS, **LAYERS)
    assert seen == ["commits/000002.json"]
    assert repviz.verify(ADDRESS) == 1 + SHARDS * 3 + 2
    assert np.array_equal(acts["code"][:16], folder["code"][:16])
    assert not np.array_equal(acts["code"][16:24], folder["code"][16:24])
    assert np.allclose(acts["code"], folder["code"], atol=2**-19)


def test_later_images_are_appended(model, images, monkeypatch, tmp_path):
    repviz.extract(model, images.take(range(20)), ADDRESS, **LAYERS)
    before = objects()
    other_machine(monkeypatch, tmp_path)
    acts = repviz.extract(model, images, ADDRESS, append=True, **LAYERS)
    whole = repviz.extract(model, images, tmp_path / "whole", **LAYERS)
    assert np.array_equal(acts["code"], whole["code"])
    assert repviz.verify(ADDRESS) > 0
    assert before.items() <= objects().items()


@pytest.mark.filterwarnings("ignore:extract. ablating")
def test_components_and_means_go_there_too(model, images, monkeypatch, tmp_path):
    more = LAYERS | {"reduce": {"code": "pca:3", "*": "none"}, "ablate": {"core.h": "mean"}}
    repviz.extract(model, images.take(range(20)), ADDRESS, **more)
    folder = repviz.extract(model, images.take(range(20)), tmp_path / "folder", **more)
    other_machine(monkeypatch, tmp_path)
    assert same(repviz.extract(model, images.take(range(20)), ADDRESS, **more), folder)
    repviz.extract(model, images, folder.path, append=True, **more)
    acts = repviz.extract(model, images, ADDRESS, append=True, **more)
    assert same(acts, repviz.open_activations(folder.path))


def test_a_store_that_was_replaced_is_read_anew(model, images, monkeypatch, tmp_path):
    acts = repviz.extract(model, images, ADDRESS, **LAYERS)
    old = np.asarray(acts["code"])
    fsspec.filesystem("memory").store.clear()
    with monkeypatch.context() as patch:
        other_machine(patch, tmp_path)
        repviz.extract(model, images.take(range(29, -1, -1)), ADDRESS, **LAYERS)
    new = repviz.open_activations(ADDRESS)
    assert np.array_equal(new["code"], old[::-1])


# ---------------------------------------------------------------------------------------- edges


def test_a_flipped_byte_in_any_object_is_found_and_named(model, images):
    repviz.extract(model, images, ADDRESS, **LAYERS)
    files = fsspec.filesystem("memory")
    for name, content in objects().items():
        path, middle = f"/bucket/acts/{name}", len(content) // 2
        files.pipe_file(
            path, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        )
        with pytest.raises(Damaged) as error:
            repviz.verify(ADDRESS)
        assert str(error.value).startswith(ADDRESS), name
        assert Path(name).name in str(error.value)
        files.pipe_file(path, content)
    assert repviz.verify(ADDRESS) == 1 + SHARDS * 3 + 2


def test_a_damaged_shard_is_refused_when_it_is_read_and_made_again(
    model, images, folder, monkeypatch, tmp_path
):
    repviz.extract(model, images, ADDRESS, **LAYERS)
    files, sum_ = fsspec.filesystem("memory"), read_commit(folder.path, 1)["xxh3_128"]["code"]
    name = f"layers/code/000001-{sum_}.npy"
    files.pipe_file(f"/bucket/acts/{name}", b"other")
    acts = repviz.open_activations(ADDRESS)
    assert np.array_equal(acts["code"][:8], folder["code"][:8])
    with pytest.raises(Damaged) as error:
        _ = acts["code"][8]
    assert str(error.value) == (
        f"{ADDRESS}/{name}: this object must have the checksum that its name ends with, and has "
        "another content. Delete it and the commit that names it, and run the extraction again "
        "with the same parameters: it makes what is missing."
    )
    files.rm([f"/bucket/acts/{name}", "/bucket/acts/commits/000001.json"])
    assert same(repviz.extract(model, images, ADDRESS, **LAYERS), folder)
    assert repviz.verify(ADDRESS) == repviz.verify(folder.path)


def test_a_missing_object_is_named(model, images, folder):
    repviz.extract(model, images, ADDRESS, **LAYERS)
    name = f"layers/code/000000-{read_commit(folder.path, 0)['xxh3_128']['code']}.npy"
    fsspec.filesystem("memory").rm(f"/bucket/acts/{name}")
    with pytest.raises(Damaged, match=f"^{ADDRESS}/{name}: this object is missing"):
        _ = repviz.open_activations(ADDRESS)["code"][0]


def test_a_name_in_a_commit_leads_nowhere_else(model, images, folder):
    from repviz import durable

    repviz.extract(model, images, ADDRESS, **LAYERS)
    record = read_commit(folder.path, 0) | {"xxh3_128": {"code": "../../../etc/passwd"}}
    file = folder.path.parent / "record.json"
    durable.write_record(file, record)
    files = fsspec.filesystem("memory")
    files.pipe_file("/bucket/acts/commits/000000.json", file.read_bytes())
    with pytest.raises(Damaged, match="a commit must name the checksum of"):
        _ = repviz.open_activations(ADDRESS)["code"][0]


def test_a_store_that_cannot_create_conditionally_still_gives_one(
    model, images, folder, monkeypatch
):
    pipe = type(fsspec.filesystem("memory")).pipe_file

    def plain(self, path, value):
        pipe(self, path, value)

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "pipe_file", plain)
    assert same(repviz.extract(model, images, ADDRESS, **LAYERS), folder)


def test_the_commands_take_addresses(model, capsys, monkeypatch):
    def run(words):
        monkeypatch.setattr(sys, "argv", ["repviz", "--quiet", *words.split()])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, capsys.readouterr()

    extract = "extract autoencoder --size 16 --grey --images drawn-faces:50 --layers code --out"
    assert run(f"{extract} {ADDRESS}")[1].out == f"code: 50 x 32\nActivations: {ADDRESS}\n"
    assert run(f"verify {ADDRESS}")[1].out.endswith(" files, sound\n")
    assert run(f"dimension {ADDRESS}")[0] == 0
    code, said = run(f"{extract} {ADDRESS} --batch 2")
    assert code == 2
    assert said.err.startswith(f"repviz: {ADDRESS}: this folder holds activations extracted with")


# ------------------------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    "wrong",
    [
        *("s3://", "s3:///", "s3://bucket/../other", "s3://bucket/*", "S3://bucket", "://bucket/a"),
        *("file:///tmp/acts", "simplecache::s3://bucket/a", "s3://bucket//a", "s3://bucket/a\nb"),
    ],
)
def test_what_is_no_address_is_refused(wrong, model, images):
    for call in (
        lambda: repviz.open_activations(wrong),
        lambda: repviz.verify(wrong),
        lambda: repviz.extract(model, images, wrong, **LAYERS),
    ):
        with pytest.raises(InputError, match="an address must be a protocol and a place without"):
            call()


def test_the_message_about_an_address():
    with pytest.raises(InputError) as error:
        repviz.open_activations("s3://bucket/../other")
    assert str(error.value) == (
        "open_activations: an address must be a protocol and a place without '..' and without any "
        "of *?[], got 's3://bucket/../other'. For example: s3://bucket/prefix. A folder of this "
        "machine is given by its path."
    )


def test_an_empty_address_an_unknown_protocol_and_a_store_that_does_not_answer(monkeypatch):
    with pytest.raises(StoreError) as error:
        repviz.open_activations("memory://bucket/none")
    assert str(error.value) == (
        "memory://bucket/none: no activations: there is no object 'manifest.json'. Choose an "
        "address to which repviz extract wrote."
    )
    with pytest.raises(InputError, match=r"^none://a: fsspec must know the protocol of an address"):
        repviz.open_activations("none://a")

    def silent(self, *words, **more):
        raise TimeoutError("no answer\nfor long")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "cat_ranges", silent)
    with pytest.raises(StoreError) as error:
        repviz.open_activations(ADDRESS)
    assert str(error.value) == (
        f"{ADDRESS}: the object store must answer, got 'no answer'. Check the address, the "
        "credentials and the network, and run the same again: what is uploaded is kept."
    )


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(Unavailable) as error:
        repviz.open_activations(ADDRESS)
    assert str(error.value) == (
        f"{ADDRESS}: a package is needed that reads such addresses, and it is not installed "
        "('import of fsspec.core halted; None in sys.modules'). Install it: pip install "
        "'repviz-toolkit[remote]', which has S3's."
    )


def test_a_folder_needs_no_fsspec(folder, tmp_path):
    program = (
        "import sys, repviz\n"
        "sys.modules['fsspec'] = None\n"
        f"acts = repviz.open_activations({str(folder.path)!r})\n"
        "acts['code'][0], repviz.verify(acts.path)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_other_parameters_are_refused_by_the_address(model, images):
    repviz.extract(model, images, ADDRESS, **LAYERS)
    with pytest.raises(Mismatch, match=f"^{ADDRESS}: this folder holds activations extracted with"):
        repviz.extract(model, images, ADDRESS, **LAYERS | {"batch": 8})


def test_a_second_process_of_this_machine_is_refused(model, images):
    from repviz import durable

    folder = addresses.local_folder(addresses.STAGING, ADDRESS, None)
    with (
        durable.locked(folder.parent),
        pytest.raises(StoreError, match="only one process at a time may write to this folder"),
    ):
        repviz.extract(model, images, ADDRESS, **LAYERS)


def test_the_cache_may_be_deleted_at_any_time(model, images, folder, tmp_path):
    acts = repviz.extract(model, images, ADDRESS, **LAYERS)
    shutil.rmtree(tmp_path / "cache")
    assert same(repviz.open_activations(ADDRESS), folder)
    assert acts.layers == folder.layers


def test_a_manifest_of_a_billion_shards_and_strange_names_cost_nothing(model, images, tmp_path):
    from repviz import durable

    acts = repviz.extract(model, images, ADDRESS, **LAYERS)
    files, lying = fsspec.filesystem("memory"), tmp_path / "manifest.json"
    about = acts.manifest["images"] | {"n": 10**9}
    durable.write_record(lying, acts.manifest | {"images": about, "rows_per_shard": 1, "batch": 1})
    files.pipe_file("/bucket/acts/manifest.json", lying.read_bytes())
    for name in ("../../out.json", "1.json", "²²²²²².json", "other.json", "000000.json.json"):
        files.pipe_file(f"/bucket/acts/commits/{name}", b"{}")
    folder = object_store.opened("test", ADDRESS)
    found = sorted(path.name for path in (folder / "commits").iterdir())
    assert found == [*(f"{number:06d}.json" for number in range(SHARDS)), "rows.json"]
