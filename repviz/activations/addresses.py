"""Addresses at which activations may lie, such as ``s3://bucket/prefix``, and their local folders.

Of each address there are two folders in the cache (:func:`repviz.images.cache.home`):
``stores`` keeps what was read, ``staging`` what an extraction has not uploaded yet. Both hold the
folder ``acts``, of the form of any folder of activations, and beside it ``address.json``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from repviz import checks, durable, provenance
from repviz.errors import Damaged, InputError, Mismatch

STORES, STAGING = "stores", "staging"
RECORD, FOLDER = "address.json", "acts"
_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<place>[^\x00-\x1f\\*?\[\]]+)")
_LOCAL = ("file", "local")  # a file system with renames and locks needs none of this


def is_address(value: Any) -> bool:
    """Whether ``value`` is the text of an address, and not a path."""
    return isinstance(value, str) and "://" in value


def address(who: str, value: str) -> str:
    """``value``, an address of activations, without slashes at its ends.

    Raises
    ------
    InputError
        It is no address of the form ``s3://bucket/prefix``.
    """
    found = _ADDRESS.fullmatch(value)
    parts = found["place"].strip("/").split("/") if found else []
    if not found or found["scheme"] in _LOCAL or {"", ".", ".."} & {*parts} or "::" in value:
        raise InputError(
            f"{who}: an address must be a protocol and a place without '..' and without any of "
            f"*?[], got {checks.shown(value)}. For example: s3://bucket/prefix. A folder of this "
            "machine is given by its path."
        )
    return f"{found['scheme']}://{'/'.join(parts)}"


def local_folder(kind: str, place: str, *words: object) -> Path:
    """The folder ``acts`` of an address, for ``STORES`` or ``STAGING``; the one beside is made.

    Parameters
    ----------
    kind : str
        One of the two.
    place : str
        The address.
    *words : object
        What tells several of one address apart.
    """
    container = _home(kind) / provenance.key([place, *map(str, words)])[:32]
    if not (container / RECORD).is_file():
        durable.write_record(container / RECORD, {"address": place})
    return container / FOLDER


def address_of(folder: Path) -> str | None:
    """The address whose local folder, or folder of appended rows, this is; None of any other."""
    within = folder.parent.name == "appended"
    root = folder.parent.parent if within else folder
    if root.name != FOLDER or root.parent.parent not in (_home(STORES), _home(STAGING)):
        return None
    place = str(durable.read_record(root.parent / RECORD)["address"])
    return f"{place}/appended/{folder.name}" if within else place


@contextmanager
def named_by_address(folder: Path) -> Iterator[None]:
    """Within the block, what is said of the activations in ``folder`` names their address."""
    place = address_of(folder)
    try:
        yield
    except (Mismatch, Damaged) as error:
        if place is not None:
            error.args = (str(error).replace(str(folder), place),)
        raise


def discard(folder: Path) -> None:
    """Delete the local folder of an address, and the record beside it."""
    shutil.rmtree(folder.parent, ignore_errors=True)


def _home(kind: str) -> Path:
    from repviz.images.cache import home  # loads numpy

    return home().absolute() / kind
