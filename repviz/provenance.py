"""What made this: hashes, versions and the machine, so that a number can be traced and repeated."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import xxhash

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
    """A running XXH3 sum of 128 bits, so far of ``data``: it tells damage at memory's speed.

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
    """One phrase a parameter that differs: ``"seed was 0 and is now 1"``."""
    names: Iterable[str] = sorted(before.keys() | now.keys())
    return [
        f"{name} was {before.get(name, 'not set')!r} and is now {now.get(name, 'not set')!r}"
        for name in names
        if before.get(name) != now.get(name)
    ]


def versions() -> dict[str, str]:
    """Package name to installed version, for those of :data:`PACKAGES` that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """The operating system, the processor's kind and how many processors this process may use."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processors": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
    }


def source_key(function: Any) -> str:
    """Twelve hexadecimal digits of a function's source, its defaults and the values it closes over.

    Of the values only plain ones count (numbers, texts): others have no text that stays the same.
    """
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        source = getattr(function, "__qualname__", type(function).__qualname__)
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    held = [*(getattr(function, "__defaults__", None) or ()), *cells]
    plain = [repr(value) for value in held if isinstance(value, int | float | str | None)]
    return hashlib.sha256(repr([source, *plain]).encode()).hexdigest()[:12]
