"""Provenance of results: hashes, package versions and machine, to trace and repeat a number.

Files travel, so what they record of the machine is little: no host, no user, no environment, no
path outside the folder in which the work was started (:func:`portable`), and of the command
line only what :data:`OPTIONS` lists. Within :func:`private` not even that.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import platform
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

import xxhash

from repviz.cores import usable_cores

# What a figure can depend on; read from the installed metadata, so nothing is imported.
PACKAGES = (
    "repviz-toolkit",
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "scikit-learn",
    "umap-learn",
    "faiss-cpu",
    "pandas",
    "matplotlib",
    "pillow",
    "simplejpeg",
)

# Of repviz's own command line, the options that a manifest records. All others stand without value.
_OPTION_NAMES = """
    --audit --augment --batch --bottleneck --bottlenecks --cache --change --channels --classes
    --colour --compile --cpus --criteria --csv --decoding --depth --device --dtype --effort --engine
    --engines --epochs --estimator --figure --figures --form --gpus --grey --group --groups
    --held-out --images --init --input-size --json --key --label --layer --layers --limit
    --map-dropout --metadata --method --mirror --model --no-cache --no-mirror --no-photographs
    --no-strict --other-layer --out --overwrite --photographs --pictures --precision --private
    --quiet --rate --recipe --reduce --sample --samples --seed --seen --shift --show-augmentation
    --size --split --split-seed --strict --tensorboard --title --units --validation --variant
    --verbose --views --weights --width
"""
OPTIONS = frozenset(_OPTION_NAMES.split())
_NOT_RECORDED = "..."
_URL = re.compile(r"(?P<scheme>\w+://)(?:[^/@]*@)?(?P<place>[^?#]*).*", re.DOTALL)
# What may stand before a path ("array:", "CIFAR10@", "conv="), and a path that is absolute, begins
# at a home, or leaves the working directory.
_OUTSIDE = re.compile(
    r"(?P<head>(?:.*?[:@=,])?)(?P<path>[/~].*|(?:[^:@=,]*/)?\.\.(?:/.*)?)", re.DOTALL
)
_private: ContextVar[bool] = ContextVar("private", default=False)
DEVICE: ContextVar[str] = ContextVar("device", default="")  # where networks run, if it was chosen


@contextmanager
def private() -> Iterator[None]:
    """Within the block what is written records no command, no machine and no path at all.

    ::

        with repviz.private():
            repviz.study("faces", "folder:photos", out="reports/faces")
    """
    token = _private.set(True)
    try:
        yield
    finally:
        _private.reset(token)


def is_private() -> bool:
    """Whether this runs within :func:`private`."""
    return _private.get()


def portable(text: str | Path) -> str:
    """A path, or the name of an image source with a path in it, as files record it.

    Relative paths stand as they were written; they are relative to the working directory. Of an
    absolute path, of one from the home and of one that leaves the working directory only the last
    part stands: ``"folder:/home/jane/photos/faces"`` is ``"folder:.../faces"``. A URL loses its
    user, its password and its query. Within :func:`private` no path stands at all.
    """
    text = str(text)
    if url := _URL.fullmatch(text):
        return f"{url['scheme']}{_NOT_RECORDED if _private.get() else url['place']}"
    if _private.get():
        source, colon, _ = text.partition(":")
        return f"{source}:{_NOT_RECORDED}" if colon and "/" not in source else _NOT_RECORDED
    found = _OUTSIDE.fullmatch(text)
    if found is None:
        return text
    name = PurePosixPath(found["path"]).name
    return f"{found['head']}.../{name if name not in ('..', '~') else ''}".rstrip("/")


def command(words: Sequence[str] | None = None) -> str:
    """The command line of this process as a manifest records it.

    That is the verb, its arguments and the :data:`OPTIONS`, with portable paths; other options are
    recorded without their value. The arguments of another program, such as a script of the user's,
    are not recorded.
    """
    words = list(sys.argv if words is None else words)
    program = Path(words[0]) if words else Path()
    ours = program.stem == "repviz" or program.parts[-2:] == ("repviz", "__main__.py")
    if _private.get() or not ours:
        return "" if _private.get() else "from Python"
    recorded, hidden = ["repviz"], False
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if word.startswith("--"):
            hidden = name not in OPTIONS
            shown = _NOT_RECORDED if hidden else portable(value)
            recorded.append(f"{name}={shown}" if equals else name)
            hidden = hidden and not equals
        else:
            recorded.append(_NOT_RECORDED if hidden else portable(word))
    return shlex.join(recorded)


def sha256(*parts: bytes) -> str:
    """The SHA-256 of the parts one after the other, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum(data: bytes = b"") -> xxhash.xxh3_128:
    """A running 128-bit XXH3 checksum of ``data``, to detect damage at the speed of memory.

    Unlike SHA-256, which names contents, it is no proof against a forger.
    """
    return xxhash.xxh3_128(data)


def file_checksum(path: str | Path) -> str:
    """The :func:`checksum` of a file's bytes, as 32 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, checksum).hexdigest()


def key(value: Any) -> str:
    """The SHA-256 of a JSON-like value; equal values have equal keys, whatever their key order."""
    return sha256(json.dumps(value, sort_keys=True, ensure_ascii=False, default=str).encode())


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """One phrase per parameter that differs: ``"seed was 0 and is now 1"``."""
    names: Iterable[str] = sorted(before.keys() | now.keys())
    return [
        f"{name} was {before.get(name, 'not set')!r} and is now {now.get(name, 'not set')!r}"
        for name in names
        if before.get(name) != now.get(name)
    ]


def versions() -> dict[str, str]:
    """Package name to version, for those of :data:`PACKAGES` that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """The operating system, the processor's kind and how many processors this process may use.

    And the device on which networks run, where one was chosen.
    """
    if _private.get():
        return {}
    found = {
        "system": f"{platform.system()} {platform.machine()}",
        "processors": usable_cores(),
    }
    return found | ({"device": DEVICE.get()} if DEVICE.get() else {})


def source_key(function: Any) -> str:
    """Twelve hexadecimal digits of a function's source, its defaults and the values it closes over.

    Only numbers and texts count among the values: other objects have no stable text.
    """
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        source = getattr(function, "__qualname__", type(function).__qualname__)
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    values = [*(getattr(function, "__defaults__", None) or ()), *cells]
    plain = [repr(value) for value in values if isinstance(value, int | float | str | None)]
    return hashlib.sha256(repr([source, *plain]).encode()).hexdigest()[:12]
