"""Metadata of images from a CSV file, whose rows are matched to the images by a key column."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from repviz import checks, progress
from repviz.errors import InputError
from repviz.images.collection import Images
from repviz.images.labels import group_texts
from repviz.images.local_files import kind_of, printable

MAX_BYTES = 256 * 2**20
MAX_CATEGORIES = 50  # of a column; more are names, not categories
SEPARATOR = ";"  # between the categories of one image
WHO = "open_images"

Table = dict[str, dict[str, str]]  # key -> column -> text


@dataclass(frozen=True)
class Metadata:
    """A CSV file with metadata of the images, and the names of its key, label and group columns.

    Attributes
    ----------
    path : path
        The file: UTF-8, a header, one row per image.
    group : str, optional
        The column that becomes the groups, of any number of values: images of one value (a
        person, a visit) are no independent draws, so splits keep them together and intervals take
        them whole. Left out, there are none.
    """

    path: str | Path
    group: str | None = None


def add_metadata(
    images: Images,
    table: str | Path | Metadata,
    *,
    key: str | None = None,
    label: str | None = None,
) -> Images:
    """The same images, with the columns of a CSV file as their factors, labels and groups.

    Parameters
    ----------
    images : Images
        Of any source.
    table : path or Metadata
        The file: UTF-8, a header, one row per image.
    key : str, optional
        The column that says which image a row is of: its id (of a file, its path within the
        folder, ``anna/01.jpg``), or the name of its file where that is unique, each with or
        without ending. The first column if left out.
    label : str, optional
        The column that becomes the labels, as text.

    Returns
    -------
    Images
        A column of numbers is a factor in its own units; one of which most cells are numbers must
        hold nothing else. Any other column of at most 50 categories gives one factor of 0 and 1
        per category (``"hair=grey"``); several categories of one image are separated by ``;``, and
        an empty cell is of none. A column of more categories is left out, which is said; it can be
        the group. So are rows of no image.

    Raises
    ------
    InputError
        There is no such file, a key stands twice or may be several images, an image has no row,
        a number, label or group is missing, a cell among numbers is none, or the groups are one,
        or as many as the images.
    UnknownName
        The file has no column ``key`` or ``label``, or none of the groups' name.
    """
    opened = _opened(table, key)
    rows = _match(images, opened.rows, opened.shown)
    found = _described(opened, rows, list(images.ids), label)
    nouns = images.nouns if found.groups is None else replace(images.nouns, grouped=True)
    labels = images.labels if found.labels is None else found.labels
    groups = images.groups if found.groups is None else found.groups
    factors = images.factors | found.factors
    return replace(images, labels=labels, groups=groups, factors=factors, nouns=nouns)


@dataclass(frozen=True, eq=False)
class Described:
    """Labels, groups and factors of rows that are in the order of the table.

    Attributes
    ----------
    ids : list of str
        The key of each row.
    labels, groups : ndarray of str, shape (n,), or None
        None where no column holds them.
    factors : dict of str to ndarray of float64, shape (n,)
        As in :func:`add_metadata`.
    """

    ids: list[str]
    labels: np.ndarray | None
    groups: np.ndarray | None
    factors: dict[str, np.ndarray]


def read_metadata(
    table: str | Path | Metadata, *, key: str | None = None, label: str | None = None
) -> Described:
    """Labels, groups and factors of the rows of a matrix, from a CSV file in the same order.

    The parameters and the errors are those of :func:`add_metadata`.
    """
    opened = _opened(table, key)
    return _described(opened, list(opened.rows.values()), list(opened.rows), label)


@dataclass(frozen=True)
class _Opened:
    """An opened CSV file: its name, columns without the key, rows by key, and group column."""

    shown: str
    columns: list[str]
    rows: Table
    group: str | None


def _opened(table: str | Path | Metadata, key: str | None) -> _Opened:
    given = table if isinstance(table, Metadata) else Metadata(table)
    columns, rows = _read(checks.path(WHO, "metadata", given.path), key)
    return _Opened(printable(str(given.path)), columns, rows, given.group)


def _described(
    opened: _Opened, rows: list[dict[str, str]], ids: list[str], label: str | None
) -> Described:
    """The columns of labels and of groups as text, and all others as factors."""
    shown = opened.shown
    for name in (label, opened.group):
        if name is not None:
            checks.one_of(WHO, f"column of {shown}", name, opened.columns)
    texts: dict[str, np.ndarray] = {}
    factors: dict[str, np.ndarray] = {}
    crowded = []
    for column in opened.columns:
        values = [row[column] for row in rows]
        if column in (label, opened.group):
            texts[column] = np.array(_complete(column, values, ids, shown))
            continue
        found = _factors(column, values, ids, shown)
        if found is None:
            crowded.append(f"'{column}'")
        factors |= found or {}
    if crowded:
        progress.say(
            f"{shown}: columns of more than {MAX_CATEGORIES} different values are left out: "
            f"{', '.join(crowded)}; --group takes one of them."
        )
    if opened.group is not None:
        group_texts(f"{WHO}: column '{opened.group}' of {shown}", texts[opened.group])
    labels, groups = (None if name is None else texts[name] for name in (label, opened.group))
    return Described(ids, labels, groups, factors)


def _read(path: Path, key: str | None) -> tuple[list[str], Table]:
    """The columns besides the key, and the rows by key."""
    shown, got = printable(str(path)), kind_of(path)
    if got != "a file":
        raise InputError(f"{WHO}: metadata must be the path of a file, got {got} at {shown}.")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{WHO}: {shown} must be at most {MAX_BYTES:,} bytes. Split it.")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(
            f"{WHO}: {shown} must be a readable CSV file in UTF-8, got '{reason}'."
        ) from error
    if not lines:
        raise InputError(f"{WHO}: {shown} must have a header, got an empty file.")
    header = [printable(name.strip()) for name in lines[0]]
    if len(set(header)) < len(header) or "" in header:
        raise InputError(f"{WHO}: the columns of {shown} must have distinct names, got {header}.")
    if len(header) == 1 and any(separator in header[0] for separator in ";\t"):
        raise InputError(
            f"{WHO}: the values of {shown} must be separated by commas, got the single column "
            f"'{header[0]}'. Save it with commas."
        )
    key = header[0] if key is None else checks.one_of(WHO, f"column of {shown}", key, header)
    table: Table = {}
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(header):
            raise InputError(
                f"{WHO}: every row of {shown} must have {len(header)} values, got {len(line)} in "
                f"row {number}."
            )
        row = {column: value.strip() for column, value in zip(header, line, strict=True)}
        name = row.pop(key)
        if name in table:
            raise InputError(f"{WHO}: the keys of {shown} must be distinct, got '{name}' twice.")
        table[name] = row
    return [column for column in header if column != key], table


def _match(images: Images, table: Table, shown: str) -> list[dict[str, str]]:
    """The row of each image, matched by its id, else by its file name, else without the suffix."""
    paths = [PurePosixPath(name) for name in images.ids]
    spellings: list[Sequence[str]] = [
        images.ids,
        [path.name for path in paths],
        [path.with_suffix("").as_posix() for path in paths],
        [path.stem for path in paths],
    ]
    found: dict[int, str] = {}
    used: set[str] = set()
    for names in spellings:
        for name, places in _places(names).items():
            key, unmatched = printable(name), [place for place in places if place not in found]
            if key not in table or key in used or not unmatched:
                continue
            if len(places) > 1:
                several = [images.ids[place] for place in places]
                raise InputError(
                    f"{WHO}: each key of {shown} must match one image, got '{key}', "
                    f"which may be {_some(several)}. Write the path within the folder, as in "
                    f"'{printable(several[0])}'."
                )
            found[unmatched[0]] = key
            used.add(key)
    missing = [name for place, name in enumerate(images.ids) if place not in found]
    if missing:
        raise InputError(
            f"{WHO}: every image must have a row in {shown}, got none for {_some(missing)} of "
            f"{len(images)} images. Add the rows, or leave the images out."
        )
    unused = sorted(set(table) - used)
    if unused:
        progress.say(f"{shown}: no image matches {_some(unused)} of {len(table)} rows.")
    return [table[found[place]] for place in range(len(images))]


def _places(names: Sequence[str]) -> dict[str, list[int]]:
    """Name to its position."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name, []).append(place)
    return places


def _factors(
    column: str, values: list[str], ids: list[str], shown: str
) -> dict[str, np.ndarray] | None:
    """The column as one factor of numbers, or one of 0 and 1 per category; None of too many."""
    numbers = [_number(value) for value in values]
    other = [
        f"'{value}' for {name}"
        for name, value, number in zip(ids, values, numbers, strict=True)
        if value and number is None
    ]
    several = any(SEPARATOR in value for value in values)
    if not several and 2 * len(other) < len([value for value in values if value]):
        _complete(column, values, ids, shown)
        if other:
            raise InputError(
                f"{WHO}: column '{column}' of {shown} must hold numbers, as most of its cells do, "
                f"got {_some(other)}. Give their numbers, or leave the column out."
            )
        return {column: np.array(numbers, np.float64)}
    sets = [{part.strip() for part in value.split(SEPARATOR)} - {""} for value in values]
    categories = sorted(set().union(*sets))
    if len(categories) > MAX_CATEGORIES:
        return None
    return {
        f"{column}={category}": np.array([category in parts for parts in sets], np.float64)
        for category in categories
    }


def _complete(column: str, values: list[str], ids: list[str], shown: str) -> list[str]:
    missing = [name for name, value in zip(ids, values, strict=True) if not value]
    if missing:
        raise InputError(
            f"{WHO}: column '{column}' of {shown} must have a value for every image, got none for "
            f"{_some(missing)}. Fill it, or leave the column out."
        )
    return values


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _some(names: Sequence[str]) -> str:
    """The first five names, and how many there are."""
    listed = ", ".join(printable(name) for name in names[:5])
    return f"{listed} ({len(names)})" if len(names) <= 5 else f"{listed}, ... ({len(names)})"
