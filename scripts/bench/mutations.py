"""Random changes to a file that know its format, so that they reach past its first check.

A JSON file stays JSON, a table a table, the header of an array or of weights a header, and a member
of an archive has the checksum that its damaged content needs. One change in three is of any bytes.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

ANY_BYTES = 1 / 3  # of the changes do not know the format
VALUES = (  # what a JSON value is replaced with
    *(
        None,
        True,
        -1,
        0,
        1,
        2**31,
        2**63,
        -(10**30),
        10**18,
        0.5,
        float("nan"),
        float("inf"),
        1e308,
    ),
    *("", "x", "../../x", "/dev/zero", "a\0b", "\x1b[2J", "\ud800", "9" * 400, "x" * 100_000),
    *([], {}, [[]], [0] * 1000, {"": {}}, [None], {"a": [1, {"b": 2}]}),
)
CELLS = (
    "",
    "nan",
    "inf",
    "-1",
    "1e400",
    "x" * 70_000,
    '"',
    "=cmd()",
    "\x1b[2J",
    "\0",
    "9" * 500,
    ";",
)
SHAPES = ((), (0,), (-1,), (2**40, 2**40), (10**9,), (3,), (2, 2, 2, 2), (True,), ("x",), (1,) * 70)
DTYPES = ("<f8", "|O", "<U100000000", "|V0", "<M8[ns]", "<c16", "|b1", "?", "<f99", "", ">f4")
INTEGERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
Rng = random.Random


def mutated(content: bytes, suffix: str, rng: Rng) -> bytes:
    """``content`` of a file that is called ``*suffix``, changed in one to three places."""
    change = any_bytes if rng.random() < ANY_BYTES else BY_SUFFIX.get(suffix, any_bytes)
    for _ in range(rng.choice((1, 1, 2, 3))):
        try:
            content = change(content, rng)
        except (ValueError, LookupError, SyntaxError, OverflowError, zipfile.BadZipFile):
            content = any_bytes(
                content, rng
            )  # what an earlier change left is no longer of its kind
        except (struct.error, zlib.error, RecursionError, csv.Error, NotImplementedError):
            content = any_bytes(content, rng)
    return content


def any_bytes(content: bytes, rng: Rng) -> bytes:
    """Bits flipped, bytes removed, repeated, moved or overwritten, a header's numbers too."""
    data = bytearray(content or b"\0")
    at = rng.randrange(len(data))
    stop = min(len(data), at + rng.choice((1, 2, 4, 16, 256, 4096)))
    kind = rng.randrange(8)
    if kind == 0:
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        del data[at:stop]
    elif kind == 3:
        data[at:at] = data[at:stop] * rng.choice((1, 2, 50))
    elif kind == 4:
        other = rng.randrange(len(data))
        data[at:stop] = data[other : other + stop - at]
    elif kind == 5:
        data[at:stop] = rng.choice((b"\0", b"\xff", b"9", b"[", b'"')) * (stop - at)
    elif kind == 6:
        at = rng.randrange(min(len(data), 512))  # where headers are
        form = rng.choice("<>") + rng.choice("BHIQ")
        number = rng.choice(INTEGERS) & (256 ** struct.calcsize(form) - 1)
        data[at : at + struct.calcsize(form)] = struct.pack(form, number)
    else:
        data[at:stop] = rng.randbytes(stop - at)
    return bytes(data)


def json_text(content: bytes, rng: Rng) -> bytes:
    """A value of a JSON document replaced, removed or copied elsewhere."""
    return json.dumps(json_value(json.loads(content), rng)).encode()


def json_value(value: Any, rng: Rng) -> Any:
    """``value`` with one of the values in it changed."""
    places = list(_places(value))
    if not places:
        return rng.choice(VALUES)
    holder, key = rng.choice(places)
    kind = rng.random()
    if kind < 0.2:
        del holder[key]
    elif kind < 0.3:
        holder[key] = json.loads(json.dumps(rng.choice(places)[0]))
    elif kind < 0.4 and isinstance(holder, dict):
        holder[str(rng.choice(VALUES))] = holder.pop(key)
    elif kind < 0.5 and isinstance(holder[key], int | float):
        holder[key] = holder[key] * rng.choice((-1, 2, 1000)) + rng.choice((-1, 0, 1))
    else:
        holder[key] = rng.choice(VALUES)
    return value


def _places(value: Any) -> Any:
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def table_text(content: bytes, rng: Rng) -> bytes:
    """A cell, a row or a column of a CSV file changed."""
    rows = list(csv.reader(io.StringIO(content.decode())))
    y = 0 if rng.random() < 0.3 else rng.randrange(len(rows))
    x = rng.randrange(len(rows[y]))
    kind = rng.randrange(7)
    if kind == 0:
        del rows[y]
    elif kind == 1:
        rows.insert(y, list(rng.choice(rows)))
    elif kind == 2:
        for row in rows:
            del row[x : x + 1]
    elif kind == 3:
        rows[y].append(rng.choice(CELLS))
    elif kind == 4:
        rows[y] = rows[y][:x]
    else:
        rows[y][x] = rng.choice(CELLS)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def array_file(content: bytes, rng: Rng) -> bytes:
    """The header of a .npy file that claims another shape, type or order."""
    length = struct.unpack("<H", content[8:10])[0]
    header = ast.literal_eval(content[10 : 10 + length].decode("latin1"))
    name, values = rng.choice(
        (("shape", SHAPES), ("descr", DTYPES), ("fortran_order", (True, 1, None, "x")))
    )
    header[name] = rng.choice(values)
    if rng.random() < 0.1:
        del header[name]
    text = repr(header).encode().ljust(117) + b"\n"
    return content[:8] + struct.pack("<H", len(text)) + text + content[10 + length :]


def weights_file(content: bytes, rng: Rng) -> bytes:
    """The header of a .safetensors file with one value changed; its card too, with a new hash."""
    from repviz.models.checkpoints import CARD
    from repviz.provenance import sha256

    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    card = header.get("__metadata__", {}).get(CARD)
    if card and rng.random() < 0.6:
        text = json.dumps(json_value(json.loads(card.partition("\n")[2]), rng))
        header["__metadata__"][CARD] = f"{sha256(text.encode())}\n{text}"
    else:
        header = json_value(header, rng)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def archive(content: bytes, rng: Rng) -> bytes:
    """A .npz or .pt file with a member changed, renamed, doubled or left out."""
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        members = [(one.filename, opened.read(one)) for one in opened.infolist()]
    at, kind = rng.randrange(len(members)), rng.random()
    name, data = members[at]
    if kind < 0.1:
        del members[at]
    elif kind < 0.2:
        members[at] = rng.choice((f"../{name}", f"x{name}", "/" + name, name.upper())), data
    elif kind < 0.3:
        members.append((name, rng.choice(members)[1]))
    else:
        change = array_file if name.endswith(".npy") and rng.random() < 0.5 else any_bytes
        members[at] = name, change(data, rng)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as file:
        for name, data in members:
            file.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def png(content: bytes, rng: Rng) -> bytes:
    """A chunk of a PNG changed, removed, doubled or moved, with the checksum that it then needs."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        length = struct.unpack(">I", content[at : at + 4])[0]
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    at, kind = rng.randrange(len(chunks)), rng.random()
    if kind < 0.15:
        del chunks[at]
    elif kind < 0.3:
        chunks.insert(rng.randrange(len(chunks)), chunks[at])
    elif kind < 0.4:
        chunks[at] = (
            rng.choice((b"tRNS", b"PLTE", b"iCCP", b"zTXt", b"acTL", b"gAMA")),
            chunks[at][1],
        )
    else:
        chunks[at] = chunks[at][0], any_bytes(chunks[at][1], rng)
    parts = [content[:8]]
    for name, data in chunks:
        sum_ = struct.pack(">I", zlib.crc32(name + data))
        parts.append(struct.pack(">I", len(data)) + name + data + sum_)
    return b"".join(parts)


BY_SUFFIX: dict[str, Callable[[bytes, Rng], bytes]] = {
    ".json": json_text,
    ".csv": table_text,
    ".npy": array_file,
    ".npz": archive,
    ".pt": archive,
    ".png": png,
    ".safetensors": weights_file,
}


def reseal(folder: Path, changed: Path) -> None:
    """Give the records of ``folder`` the checksums that the file ``changed`` in it now has.

    So its content is read, as where someone changed it on purpose.
    """
    from repviz import durable, provenance

    if changed.suffix == ".json":
        value = json.loads(changed.read_bytes())
        if isinstance(value, dict):
            durable.write_record(changed, value)
        return
    for path in [*folder.glob("manifest.json"), *folder.glob("commits/*.json")]:
        record = durable.read_record(path)
        relative = changed.relative_to(folder).as_posix()
        for stage in record.get("stages", {}).values():
            if relative in stage["files"]:
                stage["files"][relative] = provenance.file_sha256(changed)
        sums = record.get("xxh3_128", {})
        name = "rows" if changed.name == "rows.parquet" else changed.parent.name
        if name in sums and path.stem in ("rows", changed.stem):
            sums[name] = provenance.file_checksum(changed)
        durable.write_record(path, record)
    card = changed.with_name(f"{changed.name}.json")
    if card.is_file():
        record = durable.read_record(card)
        record["files"] = {changed.name: provenance.file_sha256(changed)}
        durable.write_record(card, record)
