"""A corpus of hostile files: checkpoints, stores, studies, images, arrays, tables and manifests.

Each would harm a program that trusts it: it names code to run, claims more than it holds, never
ends, points out of its folder, or lacks what its readers rely on. Whoever runs one of its payloads
writes the file :data:`CANARY` or imports the module :data:`MODULE`.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import repviz
from repviz import durable
from repviz.models.checkpoints import CARD, save_checkpoint
from repviz.provenance import sha256

CANARY, MODULE = "CANARY_5d1f", "hostile_module_5d1f"
SIDE = 16  # pixels of the images of the valid files that the hostile ones are made from
DEEP = 100_000

Write = Callable[[Path], None]


class Payload:
    """Writes the canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.canary}'",)


def makers(folder: Path, seed: int) -> dict[str, dict[str, Write]]:
    """For each kind the names of its hostile files and folders, and what writes each.

    Under ``folder`` the module that nobody may import and the valid files are written at once.
    """
    rng = np.random.default_rng(seed)
    canary, valid = folder / CANARY, folder / "valid"
    (folder / f"{MODULE}.py").write_text(f"open({str(canary)!r}, 'w').close()\nmake = print\n")
    valid_files(valid, rng)
    return {
        "checkpoint": _checkpoints(valid / "model.safetensors", canary) | _special("safetensors"),
        "weights": _weights(canary) | _special("pt"),
        "store": _stores(valid / "store", canary),
        "study": _studies(valid / "study", canary),
        "images": _image_folders(rng),
        "array": _arrays(canary, rng) | _special("npz"),
        "matrix": _matrices(canary) | _special("npy"),
        "metadata": _tables() | _special("csv"),
    }


def make(folder: Path, seed: int) -> None:
    """Write the whole corpus: ``folder/KIND/NAME``."""
    for kind, entries in makers(folder, seed).items():
        (folder / kind).mkdir()
        for name, write in entries.items():
            write(folder / kind / name)


def valid_files(folder: Path, rng: np.random.Generator) -> None:
    """What is as it should be: a model, a store, a study, images and a matrix."""
    (folder / "photos").mkdir(parents=True)
    pixels = rng.integers(0, 256, (40, SIDE, SIDE), np.uint8)
    for row, picture in enumerate(pixels[:4]):
        Image.fromarray(picture).save(folder / "photos" / f"{row}.png")
    np.savez(folder / "images.npz", images=pixels, labels=np.arange(40) % 2)
    np.save(folder / "matrix.npy", rng.standard_normal((40, 8)))
    repviz.import_matrix(folder / "matrix.npy", folder / "store", labels=np.arange(40) % 2)
    model = repviz.open_model("autoencoder", size=SIDE, bottleneck=2)
    save_checkpoint(model, folder / "model.safetensors")
    images = repviz.open_images(f"array:{folder}/images.npz")
    setup = repviz.SweepSetup(effort=0.05)
    repviz.sweep(images, out=folder / "study", bottlenecks=2, engines="linear-start", setup=setup)


# any file


def _special(ending: str) -> dict[str, Write]:
    """What is no regular file, or none with anything in it."""
    return {
        f"pipe.{ending}": os.mkfifo,
        f"endless.{ending}": lambda path: path.symlink_to("/dev/zero"),
        f"random.{ending}": lambda path: path.symlink_to("/dev/random"),
        f"loop.{ending}": lambda path: path.symlink_to(path.name),
        f"folder.{ending}": lambda path: path.mkdir(),
        f"empty.{ending}": lambda path: path.touch(),
        f"text.{ending}": lambda path: path.write_text("no such thing\n"),
        f"sparse.{ending}": _sparse,
        f"\x1b[31mred\n.{ending}": lambda path: path.write_bytes(b"\x1b[2J"),
        f"{'n' * 240}.{ending}": lambda path: path.write_bytes(b"PK\x03\x04"),
        "-rf": lambda path: path.write_bytes(b"\x93NUMPY"),
    }


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(4 << 30)


def deep(depth: int = DEEP) -> bytes:
    """JSON that is nested deeper than any reader recurses."""
    return b'{"a":' * depth + b"1" + b"}" * depth


# checkpoints


def _checkpoints(valid: Path, canary: Path) -> dict[str, Write]:
    header, body = _parts(valid)
    card = json.loads(header["__metadata__"][CARD].partition("\n")[2])

    def with_card(text: str) -> Write:
        metadata = {CARD: f"{sha256(text.encode())}\n{text}"}
        return lambda path: _assemble(path, {**header, "__metadata__": metadata}, body)

    changes: dict[str, Any] = {f"no-{name}": _without(card, name) for name in card}
    for name in ("os:abort", "os:system", f"{MODULE}:make", "torchvision:../x", "timm:hf_hub:x/y"):
        changes[f"model-{name.replace('/', '_')}"] = card | {"model": name}
    for option, value in (
        *(("bottleneck", 10**12), ("bottleneck", -1), ("size", 10**6), ("form", "os:abort")),
        *(("unknown", 1), ("size", float("nan")), ("size", [16, 16, 16]), ("bottleneck", None)),
    ):
        options = card["options"] | {option: value}
        changes[f"option-{option}-{value}".replace("/", "_")] = card | {"options": options}
    for name in card:
        for value in (None, [], "x", 10**30, {"a": {"b": 1}}):
            changes[f"{name}-{value!r:.9}"] = card | {name: value}
    cards = {
        f"card-{name}.safetensors": with_card(json.dumps(value)) for name, value in changes.items()
    }
    for name, text in {"null": "null", "list": "[]", "deep": deep().decode(), "cut": "{"}.items():
        cards[f"card-is-{name}.safetensors"] = with_card(text)
    raw = valid.read_bytes()
    beyond = {n: v | {"data_offsets": [0, 2**62]} for n, v in header.items() if "shape" in v}
    huge = {n: v | {"shape": [2**40, 2**40]} for n, v in header.items() if "shape" in v}
    return cards | {
        "cut.safetensors": lambda path: path.write_bytes(raw[: len(raw) // 2]),
        "long-header.safetensors": lambda path: path.write_bytes(struct.pack("<Q", 2**62) + raw),
        "beyond.safetensors": lambda path: _assemble(path, header | beyond, body),
        "huge.safetensors": lambda path: _assemble(path, header | huge, body),
        "not-finite.safetensors": lambda path: _assemble(path, header, b"\xff" * len(body)),
        "pickle.safetensors": lambda path: path.write_bytes(pickle.dumps(Payload(canary))),
    }


def _parts(path: Path) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, and the bytes behind it."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def _assemble(path: Path, header: dict[str, Any], body: bytes) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def _weights(canary: Path) -> dict[str, Write]:
    """State dicts in torch's formats, of which some are programs."""

    def legacy(path: Path) -> None:
        torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=False)

    return {
        "program.pt": lambda path: torch.save({"state_dict": Payload(canary)}, path),
        "pickle.pt": lambda path: path.write_bytes(pickle.dumps(Payload(canary), protocol=2)),
        "legacy.pt": legacy,
        "other.pt": lambda path: torch.save({"w": torch.ones(2)}, path),
        "script.pt": lambda path: torch.jit.script(torch.nn.Linear(2, 2)).save(str(path)),
        "list.pt": lambda path: torch.save([1, 2], path),
        "bomb.pt": lambda path: _bomb(path, "archive/data.pkl"),
    }


def _bomb(path: Path, member: str, unpacked: int = 3 << 29) -> None:
    """A zip file of a few MB that unpacks to 1.5 GB."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(member, "w", force_zip64=True) as file,
    ):
        for _ in range(unpacked >> 24):
            file.write(bytes(1 << 24))


# folders with a manifest


def _manifests(valid: Path) -> dict[str, Write]:
    """Copies of the folder ``valid`` whose manifest is another."""
    record = durable.read_record(valid / "manifest.json")

    def with_bytes(data: bytes) -> Write:
        def write(path: Path) -> None:
            shutil.copytree(valid, path)
            (path / "manifest.json").write_bytes(data)

        return write

    def with_record(new: dict[str, Any]) -> Write:
        def write(path: Path) -> None:
            shutil.copytree(valid, path)
            durable.write_record(path / "manifest.json", new)

        return write

    def as_link(target: str) -> Write:
        def write(path: Path) -> None:
            shutil.copytree(valid, path)
            (path / "manifest.json").unlink()
            (path / "manifest.json").symlink_to(target)

        return write

    raw = {"null": b"null", "list": b"[]", "number": b"1e999", "text": b'"x"', "cut": b'{"a"'}
    raw |= {"empty": b"", "deep": deep(), "no-utf8": b"\xff\xfe{", "nan": b'{"n": NaN}'}
    found = {f"manifest-is-{name}": with_bytes(data) for name, data in raw.items()}
    for name in record:
        found[f"no-{name}"] = with_record(_without(record, name))
        for value in (None, [], "x", -1, {"a": {"b": [1]}}):
            found[f"{name}-{value!r:.9}"] = with_record(record | {name: value})
    found["manifest-endless"] = as_link("/dev/zero")
    found["manifest-of-the-system"] = as_link("/etc/passwd")
    return found


def _without(record: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != name}


def _stores(valid: Path, canary: Path) -> dict[str, Write]:
    record = durable.read_record(valid / "manifest.json")
    layer = record["order"][0]
    card = record["layers"][layer]
    found = _manifests(valid)

    def changed(change: Callable[[Path], Any]) -> Write:
        def write(path: Path) -> None:
            shutil.copytree(valid, path)
            change(path)

        return write

    def sealed(**entries: Any) -> Write:
        return changed(lambda path: durable.write_record(path / "manifest.json", record | entries))

    for name in ("../../../etc", "/dev/zero", "..", "", "a\0b", "x" * 4000, "=cmd()"):
        names = {"order": [name], "layers": {name: card}}
        found[f"layer-{name.replace('/', '_')[:9]}".replace("\0", "0")] = sealed(**names)
    found["many-rows"] = sealed(images=record["images"] | {"n": 10**12})
    found["many-layers"] = sealed(order=[f"l{i}" for i in range(10**5)])
    for name, value in (
        *(("features", 10**12), ("features", -1), ("features", 0), ("dtype", "object")),
        *(("shape", [2**40, 2**40]), ("shape", "x"), ("dtype", "os.abort"), ("features", 7)),
    ):
        card_now = {layer: card | {name: value}}
        found[f"{name}-{value}".replace("/", "_")] = sealed(layers=card_now)
    for value in (0, -1, 10**15):
        found[f"rows_per_shard-{value}"] = sealed(rows_per_shard=value)
    shard = f"layers/{layer}/000000.npy"
    for name, target in (("shard", shard), ("commit", "commits/000000.json"), ("rows", ROWS)):
        for ending, write in _file_contents(canary).items():
            found[f"{name}-{ending}"] = changed(_replacing(target, write))
    return found


ROWS = "rows.parquet"


def _studies(valid: Path, canary: Path) -> dict[str, Write]:
    record = durable.read_record(valid / "manifest.json")
    stage = next(iter(record["stages"]))
    found = _manifests(valid)

    def changed(change: Callable[[Path], Any]) -> Write:
        def write(path: Path) -> None:
            shutil.copytree(valid, path)
            change(path)

        return write

    for file in ("/etc/passwd", "../../foreign/a.txt", "/dev/zero", "results", "", "a\0b"):
        stages = record["stages"] | {stage: {"files": {file: "0" * 64}}}
        named = f"file-{file.replace('/', '_')}".replace("\0", "0")
        found[named] = changed(
            lambda path, s=stages: durable.write_record(
                path / "manifest.json", record | {"stages": s}
            )
        )
    model = next((valid / "models").glob("*.safetensors")).name
    targets = ["results/sweep.csv", "results/images.csv", "results/choices.csv", "report.html"]
    targets += [f"models/{model}", "arrays/images.npy", "results/findings.csv"]
    for target in targets:
        if (valid / target).exists():
            for ending, write in _file_contents(canary).items():
                named = f"{target.replace('/', '_')}-{ending}"
                found[named] = changed(_unlisted(target, write))
    return found


def _replacing(target: str, write: Write) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        (path / target).unlink()
        write(path / target)

    return change


def _unlisted(target: str, write: Write) -> Callable[[Path], None]:
    """A file replaced whose hash the manifest does not list, so that its content is read."""

    def change(path: Path) -> None:
        _replacing(target, write)(path)
        record = durable.read_record(path / "manifest.json")
        for stage in record["stages"].values():
            stage["files"].pop(target, None)
        durable.write_record(path / "manifest.json", record)

    return change


def _file_contents(canary: Path) -> dict[str, Write]:
    program = np.array([Payload(canary)], dtype=object)
    return {
        "empty": lambda path: path.touch(),
        "text": lambda path: path.write_text("a,b\n1,2\n=cmd(),\x1b[2J\n"),
        "binary": lambda path: path.write_bytes(b"\x00\xff" * 500),
        "objects": lambda path: path.write_bytes(_saved(program)),
        "other": lambda path: path.write_bytes(_saved(np.zeros((3, 3)))),
        "pipe": os.mkfifo,
        "endless": lambda path: path.symlink_to("/dev/zero"),
        "folder": lambda path: path.mkdir(),
        "quotes": lambda path: path.write_text('"' * 10_001),
    }


# images, arrays, tables


def _image_folders(rng: np.random.Generator) -> dict[str, Write]:
    """Folders with good images and one hostile file among them."""

    def holding(name: str, write: Write) -> Write:
        def make_folder(path: Path) -> None:
            path.mkdir()
            for row in range(24):
                pixels = rng.integers(0, 256, (SIDE, SIDE), np.uint8)
                Image.fromarray(pixels).save(path / f"{row}.png")
            write(path / name)

        return make_folder

    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n{} loop\n"
    contents = {
        "postscript": script,
        "wide": png(60_000, 8),
        "very-wide": png(1_000_000, 8),
        "large": png(50_000, 50_000),
        "short": png(SIDE, SIDE, rows=10),
        "no-pixels": png(0, 0),
        "tiff": b"II*\0\x08\0\0\0" + b"\xff" * 200,
        "svg": b"<svg onload='alert(1)'/>",
        "gif": b"GIF89a" + b"\xff" * 60,
        "webp": b"RIFF\xff\xff\xff\xffWEBPVP8X" + b"\xff" * 60,
        "bmp": b"BM" + struct.pack("<IIIIiiHH", 99, 0, 54, 40, 2**31 - 1, -(2**31), 1, 24),
        "pnm": b"P6 100000 100000 255\n",
    }
    found = {
        name: holding("x.png", lambda path, data=data: path.write_bytes(data))
        for name, data in contents.items()
    }
    found |= {
        name.replace("/", "_")[:60]: holding(name, write)
        for name, write in _special("png").items()
        if not name.startswith("folder")
    }
    return found | {
        "nothing": lambda path: path.mkdir(),
        "own-link": lambda path: (path.mkdir(), (path / "again").symlink_to(path)),
        "of-the-system": lambda path: path.symlink_to("/proc/self"),
    }


def png(width: int, height: int, *, rows: int = 1) -> bytes:
    """A grey PNG whose header says ``width`` x ``height``, with ``rows`` black rows of pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        total = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + total

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(rows * (width + 1)))
    parts = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in parts)


def _arrays(canary: Path, rng: np.random.Generator) -> dict[str, Write]:
    """.npz and .npy files as a source of images."""
    good = rng.integers(0, 256, (24, SIDE, SIDE), np.uint8)
    program = np.array([Payload(canary)] * 24, dtype=object)

    def archive(**arrays: Any) -> Write:
        return lambda path: np.savez(path.open("wb"), **arrays)

    def member(name: str, data: bytes) -> Write:
        def write(path: Path) -> None:
            np.savez(path.open("wb"), images=good)
            with zipfile.ZipFile(path, "a") as file:
                file.writestr(name, data)

        return write

    odd: dict[str, Any] = {
        "text": np.array(["a"] * 24),
        "not-finite": np.full((24, SIDE, SIDE), np.nan),
        "large": np.full((24, SIDE, SIDE), 1e300),
        "complex": np.ones((24, SIDE, SIDE), complex),
        "times": np.zeros((24, SIDE, SIDE), "datetime64[s]"),
        "records": np.zeros((24, SIDE, SIDE), [("a", int)]),
        "no-rows": np.zeros((0, SIDE, SIDE), np.uint8),
        "flat": np.zeros(24, np.uint8),
        "deep": np.zeros((2,) * 20, np.uint8),
        "program": program,
    }
    found = {f"{name}.npz": archive(images=values) for name, values in odd.items()}
    return found | {
        "labels.npz": archive(images=good, labels=program),
        "no-labels.npz": archive(images=good, labels=np.array([np.nan] * 24)),
        "factors.npz": archive(images=good, age=np.array([np.inf] * 24)),
        "no-array.npz": member("age.npy", b"no array"),
        "path.npz": member("../../escaped.npy", _saved(np.zeros(24))),
        "twice.npz": member("images.npy", _saved(np.zeros((24, 8, 8)))),
        "bomb.npz": lambda path: _bomb(path, "images.npy"),
        "claims.npz": member("labels.npy", header((10**12,))),
    }


def _matrices(canary: Path) -> dict[str, Write]:
    values = np.random.default_rng(1).standard_normal((40, 8))
    odd: dict[str, Any] = {
        "program": np.array([Payload(canary)] * 4, dtype=object),
        "text": np.array([["a"]]),
        "complex": np.ones((40, 8), complex),
        "empty-rows": np.zeros((40, 0)),
        "no-rows": np.zeros((0, 8)),
        "flat": np.zeros(40),
        "one": np.ones((1, 1)),
        "same": np.ones((40, 8)),
        "records": np.zeros((40, 8), [("a", int)]),
        "not-finite": np.full((40, 8), np.inf),
    }
    for power in (-310, -200, -80, 80, 150, 300):
        odd[f"1e{power}"] = values * 10.0**power
    found = {f"{name}.npy": _writing(_saved(array)) for name, array in odd.items()}
    return found | {
        "claims.npy": _writing(header((10**12, 10**3))),
        "negative.npy": _writing(header((-4, 8))),
        "call.npy": _writing(header(f"__import__('{MODULE}')")),
        "nested.npy": _writing(header("(" * 5000 + ")" * 5000)),
        "archive.npy": lambda path: np.savez(path.open("wb"), a=values),
    }


def _writing(data: bytes) -> Write:
    return lambda path: path.write_bytes(data)


def header(shape: Any) -> bytes:
    """The beginning of a .npy file that claims ``shape``, and 64 bytes of values."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text)) + text + bytes(64)


def _saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _tables() -> dict[str, Write]:
    names = [f"image {row}" for row in range(40)]

    def rows(cells: Iterator[str] | list[str], head: str = "name,value") -> Write:
        lines = [head, *(f"{name},{cell}" for name, cell in zip(names, cells, strict=False))]
        return lambda path: path.write_text("\n".join(lines))

    return {
        "formula.csv": rows([f"=cmd|'/c {i}'!A1" for i in range(40)]),
        "escape.csv": rows(["\x1b[2J"] * 40),
        "not-finite.csv": rows(["nan"] * 20 + ["inf"] * 20),
        "cut.csv": rows(["1"] * 10),
        "twice.csv": rows(["1"] * 40, head="name,name"),
        "no-head.csv": _writing(b"\n\n"),
        "zero.csv": _writing(b"name,value\nimage 0,\0\n"),
        "long.csv": _writing(b"name,value\nimage 0," + b"x" * 10**6 + b"\n"),
        "quotes.csv": _writing(b'name,value\n"' + b"x\n" * 10**5),
        "no-utf8.csv": _writing(b"name,value\n\xff\xfe,1\n"),
    }


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
