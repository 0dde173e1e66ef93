"""A study on disk: a folder that answers one question, stage by stage, and is resumed, not edited.

::

    manifest.json     parameters, versions, machine, and for each finished stage its files' hashes
    results/*.csv     every number that the report shows
    arrays/*.npy      images and coordinates that the report draws
    models/, acts/    what was trained and extracted on the way
    report.html

A stage counts once the manifest lists it; until then its files may be there, and are made again.
"""

from __future__ import annotations

import shlex
import sys
import time
import tokenize
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repviz import durable, progress, provenance
from repviz.errors import Damaged, InputError, Mismatch, StoreError
from repviz.nouns import Nouns, nouns_of

FORMAT, VERSION = "repviz study", 1
# Columns whose entries are words, also where they look like numbers: a label "1.0" stays "1.0".
TEXT = [
    "warnings",
    "change",
    "engine",
    "from",
    "id",
    "label",
    "layer",
    "model",
    "other",
    "one",
    "padding",
    "kernel",
    "representation",
    "stride",
    "title",
    "to",
    "weights",
]


@dataclass
class Draft:
    """What a stage writes to: tables, arrays and other files, listed for the manifest."""

    folder: Path
    files: list[str] = field(default_factory=list)

    def table(self, name: str, table: pd.DataFrame) -> None:
        """Keep ``table`` as results/<name>.csv; floats to 8 digits, so that runs compare."""
        text = table.to_csv(index=False, float_format="%.8g", lineterminator="\n")
        durable.write_text(self.path(f"results/{name}.csv"), text)

    def array(self, name: str, values: np.ndarray) -> None:
        """Keep ``values`` as arrays/<name>.npy."""
        with durable.replacing(self.path(f"arrays/{name}.npy")) as path, open(path, "wb") as file:
            np.save(file, values, allow_pickle=False)

    def findings(self, sentences: dict[str, list[str]]) -> None:
        """Keep results/findings.csv: each sentence with the section of the report that shows it."""
        rows = [(section, one) for section, several in sentences.items() for one in several]
        table = pd.DataFrame(rows, columns=["section", "sentence"])
        self.table("findings", table.rename_axis("order").reset_index())

    def path(self, relative: str) -> Path:
        """The path of a file that this stage writes by itself; listed for the manifest."""
        self.files.append(relative)
        return self.folder / relative


@dataclass(frozen=True)
class Study:
    """A study folder, opened."""

    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """What made this study, as manifest.json has it."""
        manifest = durable.read_json(self.folder / "manifest.json")
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise Damaged(f"{self.folder}: manifest.json is not of a study. Choose another folder.")
        if manifest.get("version") != VERSION:
            raise Mismatch(
                f"{self.folder}: this study is of format version {manifest.get('version')}, "
                f"this program reads version {VERSION}. Use the release that made it."
            )
        return manifest

    @property
    def report(self) -> Path:
        """The HTML file."""
        return self.folder / "report.html"

    def has(self, *paths: str) -> bool:
        """Whether the folder holds every one of these files."""
        return all((self.folder / path).is_file() for path in paths)

    @property
    def nouns(self) -> Nouns:
        """What its images show and what their labels name."""
        return nouns_of(self.manifest)

    def result(self, name: str, columns: str = "") -> pd.DataFrame:
        """The table results/<name>.csv; an empty field is NaN among numbers, "" among words.

        Parameters
        ----------
        name : str
            Of the table.
        columns : str
            The columns that it must have, blank between.

        Raises
        ------
        Damaged
            The file is missing, is no CSV, or lacks a column.
        """
        path = self.folder / "results" / f"{name}.csv"
        if not path.exists():
            have = ", ".join(sorted(p.stem for p in path.parent.glob("*.csv"))) or "none yet"
            raise Damaged(f"{self.folder}: no result is called '{name}'. It has: {have}.")
        try:
            table = pd.read_csv(
                path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(TEXT, "str")
            )
        except (OSError, ValueError, tokenize.TokenError) as error:
            raise Damaged(f"{path}: this table cannot be read. Make the study anew.") from error
        lacking = [column for column in columns.split() if column not in table.columns]
        if lacking:
            raise Damaged(
                f"{path}: this table lacks the column {', '.join(lacking)}. Make the study anew."
            )
        words = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
        return table.fillna(dict.fromkeys(words, ""))

    def array(self, name: str) -> np.ndarray:
        """The array arrays/<name>.npy, as a read-only memory map.

        Raises
        ------
        Damaged
            The file is missing or is no array.
        """
        path = self.folder / "arrays" / f"{name}.npy"
        try:
            return np.lib.format.open_memmap(path, mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise Damaged(f"{path}: this array cannot be read. Make the study anew.") from error

    def stage(self, name: str, work: Callable[[Draft], None], *, of: Any = None) -> None:
        """Do ``work`` once: a stage that the manifest lists is kept as it stands.

        ``of``, a JSON value, is what the stage brings together; it is done again once that grows.

        Raises
        ------
        Damaged
            A file of the finished stage was changed or removed since.
        """
        done = self.manifest["stages"].get(name)
        if done is not None and done.get("of") == of:
            self.check(name)
            progress.say(f"{name}: finished before, kept")
            return
        progress.say(f"{name} ...")
        draft, start, busy = Draft(self.folder), time.perf_counter(), time.process_time()
        work(draft)
        self._record(
            "stages",
            name,
            {
                "seconds": round(time.perf_counter() - start, 2),
                "cpu_seconds": round(time.process_time() - busy, 2),
                "peak_memory_mb": _peak_memory(),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                "files": {f: provenance.file_sha256(self.folder / f) for f in draft.files},
                **({} if of is None else {"of": of}),
            },
        )

    def skip(self, name: str, reason: str) -> None:
        """Write down that a stage is left out, and why; the report says so in its place."""
        progress.say(f"{name}: left out, {reason}")
        self._record("skipped", name, reason)

    def check(self, name: str) -> int:
        """The number of files of a finished stage, each hashed and found unchanged."""
        files: dict[str, str] = self.manifest["stages"][name]["files"]
        for relative, digest in files.items():
            path = self.folder / relative
            state = "is missing" if not path.exists() else "was changed since it was written"
            if not path.exists() or provenance.file_sha256(path) != digest:
                raise Damaged(
                    f"{path}: this file of the finished stage '{name}' {state}. "
                    "Put it back, or start again in a new folder."
                )
        return len(files)

    def _record(self, part: str, name: str, value: Any) -> None:
        manifest = self.manifest
        manifest[part][name] = value
        durable.write_json(self.folder / "manifest.json", manifest)


def open_study(folder: str | Path) -> Study:
    """The study that lies in ``folder``.

    Raises
    ------
    InputError
        There is no manifest.json in it.
    Damaged, Mismatch
        The manifest cannot be read, or is of something else or of another version.
    """
    folder = Path(folder)
    if not (folder / "manifest.json").is_file():
        raise InputError(
            f"open_study: {folder} must be a study folder, got no manifest.json in it. "
            "Make one: repviz study."
        )
    opened = Study(folder)
    _ = opened.manifest
    return opened


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, column name to value."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


@contextmanager
def begin(
    folder: str | Path,
    *,
    study: str,
    title: str,
    parameters: dict[str, Any],
    images: dict[str, Any],
    lede: str = "",
    grows: dict[str, list[Any]] | None = None,
) -> Iterator[Study]:
    """The study in ``folder``, new or taken up again, held by this process alone.

    Parameters
    ----------
    folder : path
        Where the study lies, or will lie: absent, empty, or this same study.
    study, title : str
        Which study it is, and the report's headline.
    parameters : dict
        All that the results depend on. JSON values.
    images : dict
        What the images are, with ``key`` and ``labels_key``, the hashes of pixels and labels.
    lede : str
        The study's question in one sentence, which the report prints under the headline.
    grows : dict, optional
        Parameters that may have more members than before (sizes, seeds): lists that hold all that
        were asked for so far.

    Raises
    ------
    Mismatch
        The folder holds a study with other parameters or of other package versions; the message
        names each.
    StoreError
        Another process is at work in it, it holds something else, or it cannot be written.
    """
    folder = Path(folder)
    if folder.is_dir() and not (folder / "manifest.json").exists():
        own = {path.name for path in durable.leftovers(folder)}
        strangers = sorted(path.name for path in folder.iterdir() if path.name not in own)
        if strangers:
            raise StoreError(
                f"{folder}: this folder holds other files ('{strangers[0]}') and no study. "
                "Choose another folder for out."
            )
    parameters = {
        **parameters,
        "images_key": images["key"],
        "labels_key": images["labels_key"],
    }
    with durable.locked(folder):
        for path in durable.leftovers(folder):
            path.unlink()
        opened = Study(folder)
        if (folder / "manifest.json").exists():
            manifest, growing = opened.manifest, grows or {}
            fixed = {k: v for k, v in manifest["parameters"].items() if k not in growing}
            _agree({**manifest, "parameters": fixed}, folder, study, parameters)
            if any(manifest["parameters"].get(name) != all_ for name, all_ in growing.items()):
                manifest["parameters"] |= growing
                durable.write_json(folder / "manifest.json", manifest)
        else:
            manifest = {
                "format": FORMAT,
                "version": VERSION,
                "study": study,
                "title": title,
                "lede": lede,
                "parameters": parameters | (grows or {}),
                "key": provenance.key(parameters),
                "command": shlex.join([Path(sys.argv[0]).name or "python", *sys.argv[1:]]),
                "versions": provenance.versions(),
                "machine": provenance.machine(),
                "images": images,
                "skipped": {},
                "stages": {},
            }
            durable.write_json(folder / "manifest.json", manifest)
        yield opened


def _peak_memory() -> int:
    """The most memory that this process has held so far, in MB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak / 1e3)


def _agree(manifest: dict[str, Any], folder: Path, study: str, parameters: dict[str, Any]) -> None:
    before = {**manifest["parameters"], "study": manifest["study"]}
    changed = provenance.differences(before, {**parameters, "study": study})
    # Numbers of two versions side by side in one study could not be traced to either.
    changed = changed or provenance.differences(manifest["versions"], provenance.versions())
    if changed:
        raise Mismatch(
            f"{folder}: this study was made with other parameters: {'; '.join(changed)}. "
            "Choose another folder for out, or give the old parameters to take it up again."
        )
