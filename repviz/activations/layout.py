"""The files in a folder of activations: their paths, and how records are read and checked.

The form of the folder is described in :mod:`repviz.activations.store`. Needs no torch.
"""

from __future__ import annotations

import io
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from repviz import durable, provenance
from repviz.activations.addresses import address_of
from repviz.errors import Damaged, StoreError

if TYPE_CHECKING:
    import pandas as pd

FORMAT, VERSION = "repviz activations", 3
UNSEALED = 2  # the version whose JSON files carry no checksum over themselves
SUMS = "xxh3_128"  # the entry of a commit that lists the checksums of its files
MANIFEST = "manifest"  # the entry of a commit that holds the key of its folder's manifest
PAGE = 4096  # bytes: what disks and the system's memory are divided into
# Entries of the manifest on which the numbers do not depend.
NOT_PARAMETERS = (
    *("format", "version", "versions", "key", "weights_kind", "nouns", "device"),
    durable.CHECKSUM,
)
LONG_NAME = 150  # characters of a layer's quoted name that a folder is called by
# The entries that every reader relies on: of the manifest, of its images, and of each layer.
FIELDS: dict[str, type] = {
    "order": list,
    "layers": dict,
    "images": dict,
    "rows_per_shard": int,
    "key": str,
}
IMAGES_FIELDS: dict[str, type] = {"name": str, "n": int}
LAYER_FIELDS: dict[str, type] = {"shape": list, "features": int, "dtype": str}
DTYPES = ("float32", "float16", "float64")
FITTED = ("components", "means")  # arrays of layers that a first pass over the images finds
FOLDERS = ("layers", "commits", "unfinished", "appended", *FITTED)  # that a folder may hold
MOST_NAMED = 20  # ranks that a message lists
MOST_IMAGES, MOST_LAYERS, MOST_SIDE = 10**9, 10_000, 2**40


def finished_shards(path: Path, manifest: dict[str, Any]) -> list[int]:
    """The numbers of the shards that are on disk for every layer, or at the folder's address."""
    elsewhere = address_of(path) is not None  # a commit stands there after its files only
    return [
        number
        for number in range(shards(manifest))
        if commit_path(path, number).is_file()
        and (elsewhere or all(file.is_file() for file in data_files(path, manifest, number)))
    ]


def commits(path: Path, manifest: dict[str, Any]) -> list[int | str]:
    """The commits that a finished folder must have, and those of what may have been fitted."""
    return [*range(shards(manifest)), "rows", *FITTED]


def data_files(path: Path, manifest: dict[str, Any], commit: int | str) -> dict[Path, str]:
    """The files whose checksums a commit lists, and under which name it lists each."""
    if commit == "rows":
        return {path / "rows.parquet": "rows"}
    if commit in FITTED:
        listed = sums(path, commit)
        return {fitted_path(path, str(commit), layer): layer for layer in listed}
    return {shard_path(path, layer, int(commit)): layer for layer in manifest["order"]}


def first_row(manifest: dict[str, Any]) -> int:
    """How many rows of other folders come before those of this one: 0, unless it was appended."""
    return int(manifest.get("first", 0))


def shards(manifest: dict[str, Any]) -> int:
    """How many shards each layer has."""
    return -(
        -(_skipped(manifest) + int(manifest["images"]["n"])) // int(manifest["rows_per_shard"])
    )


def shard_rows(manifest: dict[str, Any], number: int) -> range:
    """The rows of shard ``number``.

    Of appended rows the first shard is shorter, so that the others begin where a batch does.
    """
    step, n = int(manifest["rows_per_shard"]), int(manifest["images"]["n"])
    return _span(manifest, number, step, n)


def shard_of(manifest: dict[str, Any], row: int) -> int:
    """The number of the shard that holds ``row``."""
    return (row + _skipped(manifest)) // int(manifest["rows_per_shard"])


def batches(manifest: dict[str, Any], number: int) -> list[range]:
    """The rows of each batch of shard ``number``."""
    size, stop = int(manifest["batch"]), shard_rows(manifest, number).stop
    count = int(manifest["rows_per_shard"]) // size
    spans = (_span(manifest, number * count + place, size, stop) for place in range(count))
    return [rows for rows in spans if rows]


def _skipped(manifest: dict[str, Any]) -> int:
    """How many rows of other folders share a batch with the first rows of this one."""
    first = first_row(manifest)
    return first % int(manifest["batch"]) if first else 0


def _span(manifest: dict[str, Any], number: int, size: int, stop: int) -> range:
    start = number * size - _skipped(manifest)
    return range(max(start, 0), max(min(start + size, stop), 0))


def unfinished_sentence(path: Path, manifest: dict[str, Any]) -> str:
    """How many shards there are, and where the work is divided, whose shards are missing."""
    done, count = set(finished_shards(path, manifest)), shards(manifest)
    got = f"got {len(done)} of {count} shards"
    if not parts_path(path).is_file() or len(done) == count:
        return got
    size = durable.read_record(parts_path(path)).get("of")
    if not isinstance(size, int) or size < 1:
        return got
    ranks = sorted({number % size for number in range(count) if number not in done})
    named = ", ".join(map(str, ranks[:MOST_NAMED]))
    more = f" and {len(ranks) - MOST_NAMED} more" if len(ranks) > MOST_NAMED else ""
    return f"{got}: those of rank {named}{more} of {size} are missing"


def file_name(layer: str) -> str:
    """The name of the folder or file of a layer: the layer's name, quoted; a long one is hashed."""
    quoted = quote(layer, safe="")
    if quoted.strip("."):  # "." and ".." are other folders
        if len(quoted) <= LONG_NAME:
            return quoted
        return f"{quoted[:LONG_NAME]}-{provenance.sha256(layer.encode())[:16]}"
    return quoted.replace(".", "%2E")


def layer_path(path: Path, layer: str) -> Path:
    """The folder of the shards of ``layer``."""
    return path / "layers" / file_name(layer)


def shard_path(path: Path, layer: str, number: int) -> Path:
    """The file of shard ``number`` of ``layer``."""
    return layer_path(path, layer) / f"{number:06d}.npy"


def written_files(path: Path) -> list[Path]:
    """The files of the folder ``path`` that an extraction wrote, sorted; others may lie there."""
    manifest = read_manifest(path)
    numbers, layers = range(shards(manifest)), manifest["order"]
    files = [
        path / "manifest.json",
        path / "rows.parquet",
        *(commit_path(path, name) for name in (*numbers, "rows", *FITTED)),
        *(fitted_path(path, "components", layer) for layer in layers),
        *(fitted_path(path, "means", layer) for layer in manifest.get("ablated", {})),
        *(shard_path(path, layer, number) for layer in layers for number in numbers),
    ]
    return sorted(file for file in files if file.is_file())


def appended_path(path: Path, number: int) -> Path:
    """The folder of the rows that were appended at the ``number``-th time, from 1."""
    return path / "appended" / f"{number:06d}"


def unfinished_path(path: Path, number: int | None = None) -> Path:
    """The folder of the unfinished shard ``number``, or of all unfinished shards if None."""
    folder = path / "unfinished"
    return folder if number is None else folder / f"{number:06d}"


def parts_path(path: Path) -> Path:
    """The file that records into how many parts an unfinished extraction is divided."""
    return path / "unfinished" / "parts.json"


def fitted_path(path: Path, kind: str, layer: str) -> Path:
    """The file of the array that a first pass over the images fitted for ``layer``.

    Parameters
    ----------
    path : Path
        The folder.
    kind : str
        One of :data:`FITTED`. ``"components"``: the mean, then the principal components as rows,
        where the layer's scores are stored. ``"means"``: the mean output (1, ...) that replaces an
        ablated layer's output.
    layer : str
        Name of the layer.
    """
    return path / kind / f"{file_name(layer)}.npy"


def commit_path(path: Path, number: int | str) -> Path:
    """The path of the commit record of shard ``number``, of the "rows" or of fitted arrays."""
    name = number if isinstance(number, str) else f"{number:06d}"
    return path / "commits" / f"{name}.json"


def read_commit(path: Path, number: int | str) -> dict[str, Any]:
    """The commit record of a shard, of the "rows" or of fitted arrays (:data:`FITTED`).

    Raises
    ------
    Damaged
        It is missing or was changed.
    """
    file = commit_path(path, number)
    record = durable.read_record(file)
    durable.check_fields(file, record, {SUMS: dict})
    return record


def write_commit(path: Path, number: int | str, record: dict[str, Any]) -> None:
    """Write the commit record of a shard, of the "rows" or of fitted arrays (:data:`FITTED`).

    It holds the key of the manifest, so that neither passes for that of another folder.
    """
    key = read_manifest(path)["key"]
    durable.write_record(commit_path(path, number), {MANIFEST: key, **record})


def sums(path: Path, commit: int | str) -> dict[str, str]:
    """The checksums that a commit record lists; empty where there is no record."""
    return dict(read_commit(path, commit)[SUMS]) if commit_path(path, commit).is_file() else {}


def read_rows(path: Path, manifest: dict[str, Any]) -> pd.DataFrame:
    """The index of rows, checked against its checksum and against the manifest.

    Raises
    ------
    Damaged
        The file is missing, was changed, or holds another table.
    """
    import pandas as pd

    file = path / "rows.parquet"
    lost = Damaged(
        f"{file}: the row index is missing or damaged. Delete this file and run the extraction "
        "again with the same parameters to rebuild it."
    )
    try:
        with durable.open_regular(file) as opened:
            content = opened.read()
        if provenance.checksum(content).hexdigest() != sums(path, "rows").get("rows"):
            raise lost
        rows = pd.read_parquet(io.BytesIO(content))
    except (OSError, ValueError) as error:  # pyarrow's errors are of these kinds
        raise lost from error
    if len(rows) != manifest["images"]["n"] or not {"id", "label", "status"} <= set(rows):
        raise lost
    return rows


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the folder ``path``, its checksum and its form checked.

    Raises
    ------
    StoreError
        The folder holds no activations, or of another version.
    Damaged
        The file is no JSON, lacks an entry, or has another content than was written.
    """
    file = path / "manifest.json"
    if not file.is_file():
        raise StoreError(
            f"{path}: not a folder of activations: it has no manifest.json. Choose a folder that "
            "repviz extract wrote."
        )
    manifest = durable.read_record(file)
    version = manifest.get("version")
    if manifest.get("format") != FORMAT or version not in (UNSEALED, VERSION):
        raise StoreError(
            f"{path}: the manifest must have format '{FORMAT}', version {VERSION}, got "
            f"'{manifest.get('format')}', version {version}. Choose another folder."
        )
    if version == VERSION and durable.CHECKSUM not in manifest:
        raise Damaged(
            f"{file}: this file must contain its own checksum, and has none. {durable.RESTORE}"
        )
    _check_form(file, manifest)
    return manifest


def _check_form(file: Path, manifest: dict[str, Any]) -> None:
    """Refuse a manifest that lacks what readers rely on, or that asks for the impossible."""
    durable.check_fields(file, manifest, FIELDS)
    durable.check_fields(file, manifest["images"], IMAGES_FIELDS)
    order, cards = manifest["order"], manifest["layers"]
    n, step = manifest["images"]["n"], manifest["rows_per_shard"]
    durable.check_fields(file, {"first": 0, "batch": 1, **manifest}, {"first": int, "batch": int})
    good = (
        0 < n <= MOST_IMAGES
        and step > 0
        and manifest.get("first", 0) >= 0
        and manifest.get("batch", 1) > 0
        and 0 < len(order) <= MOST_LAYERS
        and all(isinstance(layer, str) for layer in order)
        and sorted(order) == sorted(cards)
    )
    for card in cards.values() if good else []:
        if not isinstance(card, dict):
            good = False
            break
        durable.check_fields(file, card, LAYER_FIELDS)
        sides = card["shape"]
        good = good and card["dtype"] in DTYPES and 0 < card["features"] <= MOST_SIDE
        good = good and all(isinstance(side, int) and side > 0 for side in sides)
        good = good and prod(sides) == card["features"]
    if not good:
        raise Damaged(
            f"{file}: the manifest must describe 1 to {MOST_IMAGES:,} images and 1 to "
            f"{MOST_LAYERS:,} layers with their shapes and types. {durable.RESTORE}"
        )
