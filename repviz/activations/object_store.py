"""Activations as objects at an fsspec address, such as ``s3://bucket/prefix``.

Object stores have neither renames nor locks. An object appears complete or not at all, and most
stores can create one only where there is none yet. That is enough::

    manifest.json                   created where there is none, before all else
    layers/fc7/000000-SUM.npy       an object of data carries its checksum in its name
    commits/000000.json             created where there is none, once the objects it names are there
    rows-SUM.parquet
    commits/rows.json               the last one: it completes the store

Objects are never changed. A reader goes from the records to the objects that they name, and trusts
what has the checksum. Of two writers the first record counts, and the objects of the other are
named by nothing: so both give one store, and neither needs to know of the other. Where a store
cannot create conditionally, the last record counts, whose objects are all there, too.

Rows are first written to a local folder in the usual way (:mod:`repviz.activations.writer`), which
calls :func:`push`; of what is uploaded only the records stay there. Readers keep in another local
folder what they have fetched.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from repviz import checks, durable, provenance
from repviz.activations import layout
from repviz.activations.addresses import (
    STAGING,
    STORES,
    address,
    address_of,
    discard,
    is_address,
    local_folder,
    named_by_address,
)
from repviz.errors import Damaged, InputError, RepvizError, StoreError, Unavailable

MANIFEST = "manifest.json"
AT_ONCE = 64  # records that are fetched together, and held in memory


def opened(who: str, path: str | Path) -> Path:
    """The folder to read activations from: ``path``, or that of an address, its records fetched.

    Raises
    ------
    StoreError
        There are no activations at the address, or it does not answer.
    """
    if not is_address(path):
        return checks.path(who, "path", path)
    place = address(who, str(path))
    folder = local_folder(STORES, place)
    with named_by_address(folder):
        _update(folder, place, writes=False)
    if not (folder / MANIFEST).is_file():
        discard(folder)
        raise StoreError(
            f"{place}: no activations: there is no object '{MANIFEST}'. Choose an address to which "
            "repviz extract wrote."
        )
    return folder


@contextmanager
def staged(who: str, out: str | Path, *words: object) -> Iterator[Path]:
    """The folder to write to: ``out``, or within the block a local one whose shards go to ``out``.

    Parameters
    ----------
    who : str
        What errors begin with.
    out : str or Path
        A folder or an address.
    *words : object
        What tells the jobs apart that write to one address at a time on this machine.

    Raises
    ------
    StoreError
        Another process of this machine does the same, or the address does not answer.
    """
    if not is_address(out):
        yield checks.path(who, "out", out)
        return
    place = address(who, str(out))
    folder = local_folder(STAGING, place, *words)
    with named_by_address(folder), durable.locked(folder.parent):
        try:
            pull(folder)
            yield folder
        except BaseException:
            if not (folder / MANIFEST).is_file():  # nothing was begun
                discard(folder)
            raise
        discard(folder)


def pull(folder: Path) -> None:
    """Bring the records of a staging folder in line with those at its address.

    What a killed process had finished here and not uploaded is uploaded. Any other folder is left
    alone.
    """
    place = address_of(folder)
    if place is not None:
        _update(folder, place, writes=True)


def push_manifest(folder: Path) -> None:
    """Create the manifest at the folder's address; where there is one, it takes our place."""
    place = address_of(folder)
    if place is not None:
        _create(_Objects(place), folder, MANIFEST)


def push(folder: Path, commit: int | str) -> None:
    """Upload what a commit names, then create the commit; where there is one, it takes our place.

    Does nothing for a folder without an address. The rows of a shard are deleted here.
    """
    place = address_of(folder)
    if place is None:
        return
    objects, manifest = _Objects(place), layout.read_manifest(folder)
    sums = layout.sums(folder, commit)
    files = layout.data_files(folder, manifest, commit)
    for file, name in files.items():
        objects.put(file, _object_name(folder, file, sums.get(name)))
    if not _create(objects, folder, _record_name(folder, commit)) and not isinstance(commit, int):
        _fetch_all(folder, manifest, commit)
    if isinstance(commit, int):
        _unlink(files)


def fetch(folder: Path, file: Path, sum_: str | None) -> None:
    """Download a file of the folder, if it is not here and the folder has an address.

    Raises
    ------
    Damaged
        The object has not the checksum ``sum_``.
    """
    place = None if file.is_file() else address_of(folder)
    if place is None:
        return
    objects, name = _Objects(place), _object_name(folder, file, sum_)
    with durable.replacing(file) as temporary:
        objects.get(name, temporary)
        if provenance.file_checksum(temporary) != sum_:
            raise Damaged(
                f"{place}/{name}: this object must have the checksum that its name ends with, and "
                "has another content. Delete it and the commit that names it, and run the "
                "extraction again with the same parameters: it makes what is missing."
            )


def stored_sum(folder: Path, file: Path, sum_: str | None) -> tuple[str, str]:
    """The checksum of what is stored of a file, in the folder or at its address, and its name.

    It is empty where there is no such file or object.
    """
    place = address_of(folder)
    try:
        if place is not None:
            name = _object_name(folder, file, sum_)
            return _Objects(place).checksum(name), name
        with durable.open_regular(file) as content:
            found = hashlib.file_digest(content, provenance.checksum).hexdigest()
    except (OSError, Damaged):
        found = ""
    return found, file.relative_to(folder).as_posix()


def _update(folder: Path, place: str, *, writes: bool) -> None:
    """Bring the records in ``folder`` in line with those at ``place``, appended rows included."""
    number = 1
    while _update_one(folder, place, writes=writes):
        root = folder.parent.parent if folder.parent.name == "appended" else folder
        folder = layout.appended_path(root, number)
        place, number = str(address_of(folder)), number + 1


def _update_one(folder: Path, place: str, *, writes: bool) -> bool:
    """As :func:`_update`, of one folder of rows; whether there is one at ``place``."""
    objects = _Objects(place)
    (manifest,) = objects.read([MANIFEST])
    if manifest is None or not _holds(folder / MANIFEST, manifest):
        shutil.rmtree(folder, ignore_errors=True)  # what was here is of another store
    if manifest is None:
        return False
    if not _holds(folder / MANIFEST, manifest):
        durable.write_bytes(folder / MANIFEST, manifest)
    card = layout.read_manifest(folder)
    found = _commits(folder, card, objects.names("commits"))
    for start in range(0, len(found), AT_ONCE):
        some = found[start : start + AT_ONCE]
        for commit, record in zip(
            some, objects.read([_record_name(folder, c) for c in some]), strict=True
        ):
            _keep(folder, card, commit, record)
    here = {path.name for path in (folder / "commits").glob("*.json")}
    for commit in set(_commits(folder, card, here)) - set(found):
        files = layout.data_files(folder, card, commit)
        # The index of rows is written again, once all shards are there.
        if writes and commit != "rows" and all(file.is_file() for file in files):
            push(folder, commit)
        else:
            _unlink([*files, layout.commit_path(folder, commit)])
    return True


def _commits(folder: Path, manifest: dict[str, Any], names: Iterable[str]) -> list[int | str]:
    """Of the names of records those that a commit of this store has, however many it may have."""
    count, found = layout.shards(manifest), []
    for name in sorted(names):
        stem = name.removesuffix(".json")
        commit = int(stem) if re.fullmatch("[0-9]{1,18}", stem) else stem
        known = commit < count if isinstance(commit, int) else commit in ("rows", *layout.FITTED)
        if known and name == layout.commit_path(folder, commit).name:
            found.append(commit)
    return found


def _keep(folder: Path, manifest: dict[str, Any], commit: int | str, record: bytes | None) -> None:
    """Write a record that was fetched, drop the files of an older one, fetch all but shards."""
    path = layout.commit_path(folder, commit)
    if record is None:
        raise StoreError(
            f"{address_of(folder)}: no object may be removed while the store is read, and "
            f"'{_record_name(folder, commit)}' was. Run the same again."
        )
    if not _holds(path, record):
        if path.is_file():
            _unlink(layout.data_files(folder, manifest, commit))
        durable.write_bytes(path, record)
    if not isinstance(commit, int):
        _fetch_all(folder, manifest, commit)


def _fetch_all(folder: Path, manifest: dict[str, Any], commit: int | str) -> None:
    sums = layout.sums(folder, commit)
    for file, name in layout.data_files(folder, manifest, commit).items():
        if file.is_file() and provenance.file_checksum(file) != sums.get(name):
            file.unlink()
        fetch(folder, file, sums.get(name))


def _create(objects: _Objects, folder: Path, name: str) -> bool:
    """Create a record at the address; where there is one, it is written here instead of ours."""
    if objects.create(name, (folder / name).read_bytes()):
        return True
    (theirs,) = objects.read([name])
    if theirs is not None:
        durable.write_bytes(folder / name, theirs)
    return False


def _record_name(folder: Path, commit: int | str) -> str:
    return layout.commit_path(folder, commit).relative_to(folder).as_posix()


def _object_name(folder: Path, file: Path, sum_: str | None) -> str:
    """The name of the object of a file: that of the file, and its checksum."""
    relative = file.relative_to(folder)
    if not (isinstance(sum_, str) and re.fullmatch(r"[0-9a-f]{32}", sum_)):
        raise Damaged(
            f"{folder}: a commit must name the checksum of '{relative}', 32 hexadecimal digits, "
            f"got {checks.shown(sum_)}. {durable.RESTORE}"
        )
    return relative.with_name(f"{relative.stem}-{sum_}{relative.suffix}").as_posix()


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _unlink(files: Any) -> None:
    for file in files:
        file.unlink(missing_ok=True)


class _Objects:
    """The objects whose names begin with an address.

    Raises
    ------
    Unavailable
        A package is missing that reads the address.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        try:
            import fsspec.core

            self.files, self.root = fsspec.core.url_to_fs(place)
        except ImportError as error:
            raise Unavailable(
                f"{place}: a package is needed that reads such addresses, and it is not installed "
                f"('{error}'). Install it: pip install 'repviz-toolkit[remote]', which has S3's."
            ) from error
        except ValueError as error:
            raise InputError(
                f"{place}: fsspec must know the protocol of an address, got '{error}'. For "
                "example: s3://bucket/prefix."
            ) from error

    def names(self, folder: str) -> set[str]:
        """The names of the objects directly beneath ``folder``, as they are now."""
        with self._answering():
            self.files.invalidate_cache()
            try:
                found = self.files.ls(f"{self.root}/{folder}", detail=False)
            except FileNotFoundError:
                return set()
        return {str(one).rpartition("/")[2] for one in found}

    def read(self, names: Sequence[str]) -> list[bytes | None]:
        """The content of small objects; None of one that is not there."""
        paths = [f"{self.root}/{name}" for name in names]
        with self._answering():
            found = self.files.cat_ranges(paths, 0, durable.MOST_JSON, on_error="return")
            for one in found:
                if isinstance(one, Exception) and not isinstance(one, FileNotFoundError):
                    raise one
        return [None if isinstance(one, Exception) else one for one in found]

    def create(self, name: str, content: bytes) -> bool:
        """Write an object where there is none of this name; whether there was none."""
        path = f"{self.root}/{name}"
        with self._answering(writes=True):
            try:
                self.files.pipe_file(path, content, mode="create")
            except FileExistsError:
                return False
            except (TypeError, NotImplementedError):  # it cannot: see the top of this file
                self.files.pipe_file(path, content)
        return True

    def put(self, file: Path, name: str) -> None:
        """Upload a file."""
        with self._answering(writes=True):
            self.files.put_file(str(file), f"{self.root}/{name}")

    def get(self, name: str, file: Path) -> None:
        """Download an object into a file."""
        try:
            with self._answering():
                self.files.get_file(f"{self.root}/{name}", str(file))
        except FileNotFoundError as error:
            raise Damaged(
                f"{self.place}/{name}: this object is missing. {durable.RESTORE}"
            ) from error

    def checksum(self, name: str) -> str:
        """The checksum of an object's content."""
        with self._answering(), self.files.open(f"{self.root}/{name}", "rb") as content:
            return hashlib.file_digest(content, provenance.checksum).hexdigest()

    @contextmanager
    def _answering(self, *, writes: bool = False) -> Iterator[None]:
        """Within the block, whatever goes wrong is one sentence, but for reading what is not there.

        Where something is written, what is not there is the bucket.
        """
        try:
            yield
        except RepvizError:
            raise
        except Exception as error:
            if isinstance(error, FileNotFoundError) and not writes:
                raise
            lines = str(error).splitlines() or [type(error).__name__]
            raise StoreError(
                f"{self.place}: the object store must answer, got '{lines[0]}'. Check the address, "
                "the credentials and the network, and run the same again: what is uploaded is kept."
            ) from error
