"""A study on disk: a folder of tables and arrays, computed in stages that can be resumed.

::

    manifest.json     parameters, versions, machine; for each finished stage its files' hashes and
                      times; a checksum over itself
    results/*.csv     every number that the report shows
    arrays/*.npy      images and coordinates that the report draws
    models/, acts/    trained networks and extracted activations
    report.html

A stage counts once the manifest lists it; files that it does not list are written again. What a
stage writes does not depend on when it ran: times stand in the manifest alone.
"""

from __future__ import annotations

import csv
import time
import tokenize
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repviz import (
    array_files,
    checks,
    durable,
    memory,
    progress,
    provenance,
    spreadsheets,
    study_manifest,
)
from repviz.errors import Damaged, InputError, StoreError
from repviz.nouns import Nouns, nouns_of
from repviz.references import resolve


@dataclass
class Draft:
    """Writes the files of a running stage and lists them for the manifest.

    Attributes
    ----------
    folder : Path
        The study's folder.
    files : list of str
        What was written so far, relative to the folder.
    text : dict of str to list of str
        Of each table that has some, the columns of texts: a label "1.0" is read as a text again.
    """

    folder: Path
    files: list[str] = field(default_factory=list)
    text: dict[str, list[str]] = field(default_factory=dict)

    def table(self, name: str, table: pd.DataFrame) -> None:
        """Write ``table`` to results/<name>.csv, floats to 8 significant digits, no formula."""
        relative = f"results/{name}.csv"
        safe = spreadsheets.without_formulas(table)
        options: Any = {"index": False, "float_format": "%.8g", "lineterminator": "\n"}
        content = safe.to_csv(**options)
        if "\r" in content:  # which Python before 3.13 leaves unquoted, and readers end a row at
            content = safe.to_csv(quoting=csv.QUOTE_ALL, **options)
        durable.write_text(self.path(relative), content)
        kinds = {str(column): pd.api.types.infer_dtype(table[column]) for column in table}
        if texts := [column for column, kind in kinds.items() if kind == "string"]:
            self.text[relative] = texts

    def array(self, name: str, values: np.ndarray) -> None:
        """Write ``values`` to arrays/<name>.npy."""
        with durable.replacing(self.path(f"arrays/{name}.npy")) as path, open(path, "wb") as file:
            np.save(file, values, allow_pickle=False)

    def findings(self, sentences: dict[str, list[str]]) -> None:
        """Keep results/findings.csv: each sentence with the section of the report that shows it."""
        rows = [(section, one) for section, several in sentences.items() for one in several]
        table = pd.DataFrame(rows, columns=["section", "sentence"])
        self.table("findings", table.rename_axis("order").reset_index())

    def path(self, relative: str) -> Path:
        """The absolute path of a file that the stage writes itself; it is listed."""
        self.files.append(relative)
        return self.folder / relative

    def list_files(self, paths: Iterable[Path]) -> None:
        """List files below the study's folder that the stage wrote by itself."""
        for path in paths:
            self.path(path.relative_to(self.folder).as_posix())


@dataclass(frozen=True)
class Study:
    """A study on disk; every read is checked against the manifest.

    Attributes
    ----------
    folder : Path
        Where it lies.
    """

    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """The content of manifest.json, read again at each access, since stages are added to it."""
        return study_manifest.read(self.folder)

    @property
    def report(self) -> Path:
        """The path of the report."""
        return self.folder / "report.html"

    def show(self, *, height: int = 900) -> Any:
        """The explorer of the study's maps, ``height`` CSS pixels high: a notebook shows it inline.

        Its button "Copy link" gives what ``repviz.selection(study, link)`` turns into rows.
        """
        # What draws is above what stores: it is found by name, as the families' members are.
        return resolve("repviz.report.notebook:show")(self, height=height)

    @property
    def results_key(self) -> str:
        """The hash of the parameters and of all results, independent of the time."""
        return study_manifest.results_key(self.manifest)

    def has(self, *paths: str) -> bool:
        """Whether the folder holds every one of these files."""
        return all((self.folder / path).is_file() for path in paths)

    @property
    def nouns(self) -> Nouns:
        """The nouns for its images and labels."""
        return nouns_of(self.manifest)

    def result(self, name: str, columns: str = "") -> pd.DataFrame:
        """The table results/<name>.csv; an empty field is NaN among numbers, "" among text.

        Parameters
        ----------
        name : str
            Name of the table.
        columns : str
            The columns that it must have, separated by blanks.

        Raises
        ------
        Damaged
            The file is missing, is no CSV, lacks a column, or is not what its stage wrote.
        """
        relative = f"results/{name}.csv"
        path, stage = self._verified(relative)
        if not path.exists():
            available = ", ".join(sorted(p.stem for p in path.parent.glob("*.csv"))) or "none yet"
            raise Damaged(f"{self.folder}: no result is called '{name}'. Known: {available}.")
        try:
            table = pd.read_csv(
                path,
                keep_default_na=False,
                na_values=[""],
                dtype=dict.fromkeys(stage.get("text", {}).get(relative, []), "str"),
            )
        except (OSError, ValueError, tokenize.TokenError, RecursionError) as error:
            raise Damaged(
                f"{path}: this table cannot be read. Run the study again in a new folder."
            ) from error
        lacking = [column for column in columns.split() if column not in table.columns]
        if lacking:
            raise Damaged(
                f"{path}: this table lacks the column {', '.join(lacking)}. Run the study again "
                "in a new folder."
            )
        text = [column for column in table if not pd.api.types.is_numeric_dtype(table[column])]
        return spreadsheets.with_formulas(table.fillna(dict.fromkeys(text, "")))

    def array(self, name: str) -> np.ndarray:
        """The array arrays/<name>.npy, as a read-only memory map.

        Raises
        ------
        Damaged
            The file is missing, is no array, or is not what its stage wrote.
        """
        path, _ = self._verified(f"arrays/{name}.npy")
        try:
            return array_files.mapped(path)
        except durable.UNREADABLE as error:
            raise Damaged(
                f"{path}: this array cannot be read. Run the study again in a new folder."
            ) from error

    def stage(
        self,
        name: str,
        work: Callable[[Draft], None],
        *,
        inputs: dict[str, Any] | None = None,
        about: dict[str, Any] | None = None,
    ) -> None:
        """Run ``work`` unless the manifest lists the stage ``name`` as finished.

        Parameters
        ----------
        name : str
            Name of the stage.
        work : callable
            Writes the stage's files through the :class:`Draft` that it is given.
        inputs : dict of str to JSON value, optional
            What its files depend on besides the study's parameters, by name; it is done again once
            that changes.
        about : dict, optional
            What the stage fitted (engine, size, seed), recorded in the manifest.

        Raises
        ------
        Damaged
            A file of the finished stage was changed or removed since.
        """
        if study_manifest.is_finished(self.manifest, name, inputs):
            self.check(name)
            progress.say(f"{name}: already finished")
            return
        progress.say(f"{name} ...")
        progress.announce(progress.Event("stage", name, "started"))
        draft, start, busy = Draft(self.folder), time.perf_counter(), time.process_time()
        work(draft)
        progress.announce(progress.Event("stage", name, "written"))
        self._record(
            "stages",
            name,
            {
                "seconds": round(time.perf_counter() - start, 2),
                "cpu_seconds": round(time.process_time() - busy, 2),
                "process_peak_memory_mb": round(memory.peak_bytes() / 1e6),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                "files": {f: provenance.file_sha256(self.folder / f) for f in draft.files},
                **({"text": draft.text} if draft.text else {}),
                **({} if inputs is None else {"inputs": inputs}),
                **({} if about is None else {"about": about}),
            },
        )
        progress.announce(progress.Event("stage", name, "finished"))

    def skip(self, name: str, reason: str) -> None:
        """Record that a stage is left out, and why; the report says so in its place."""
        progress.say(f"{name}: left out, {reason}")
        self._record("skipped", name, reason)

    def check(self, name: str) -> int:
        """The number of files of a finished stage, each hashed and found unchanged.

        Raises
        ------
        Damaged
            A file was changed or removed; the message names it and the stage.
        """
        files: dict[str, str] = self.manifest["stages"][name]["files"]
        for relative, reason in durable.changed_files(self.folder, files):
            raise self._changed(relative, name, reason)
        return len(files)

    def _verified(self, relative: str) -> tuple[Path, dict[str, Any]]:
        """The path of a file, which must be as its stage wrote it, and that stage's entry."""
        path, entry = durable.contained(self.folder, relative), {}
        # Of two stages that list a file, the later one wrote it last.
        for name, stage in reversed(self.manifest["stages"].items()):
            if relative in stage["files"]:
                files, entry = {relative: stage["files"][relative]}, stage
                for _, reason in durable.changed_files(self.folder, files):
                    raise self._changed(relative, name, reason)
                break
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise Damaged(
                f"{path}: this must be a regular file. Restore it, or start again in a new folder."
            )
        return path, entry

    def _changed(self, relative: str, stage: str, reason: str) -> Damaged:
        return Damaged(
            f"{self.folder / relative}: this file of the finished stage '{stage}' {reason}. "
            "Restore it, or start again in a new folder."
        )

    def _record(self, part: str, name: str, value: Any) -> None:
        manifest = self.manifest
        manifest[part].pop(name, None)  # the order of the manifest is that of the last writing
        manifest[part][name] = value
        durable.write_record(self.folder / "manifest.json", manifest)


def open_study(folder: str | Path) -> Study:
    """The study in ``folder``; its manifest is checked, its tables and arrays when they are read.

    Raises
    ------
    InputError
        There is no manifest.json in it.
    Damaged, Mismatch
        The manifest cannot be read, was changed, or is of something else or of another version.
    """
    folder = checks.path("open_study", "folder", folder)
    if not (folder / "manifest.json").is_file():
        raise InputError(
            f"open_study: {folder} must be a study folder, got no manifest.json in it. Create "
            "one: repviz study."
        )
    study_manifest.read(folder)
    return Study(folder)


def as_study(who: str, what: str, study: Study | str | Path) -> Study:
    """``study`` as a :class:`Study`, opened if it is a path; errors name ``who`` and ``what``."""
    if isinstance(study, str | Path):
        return open_study(study)
    return checks.instance(who, what, study, Study, hint="Open it: repviz.open_study.")


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One dict per row of a table, column name to value."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


@contextmanager
def begin(
    folder: str | Path,
    *,
    study: str,
    title: str,
    parameters: dict[str, Any],
    images: dict[str, Any],
    summary: str = "",
    grows: dict[str, list[Any]] | None = None,
) -> Iterator[Study]:
    """The study in ``folder``, new or resumed, locked for this process.

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
    summary : str
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
        Another process has locked it, it holds something else, or it cannot be written.
    """
    folder = checks.path(f"study {study}", "out", folder)
    if not (folder / "manifest.json").exists():
        others = durable.foreign_files(folder)
        if others:
            raise StoreError(
                f"{folder}: this folder contains other files ('{others[0]}') and no study. Choose "
                "another folder for out."
            )
    parameters = {
        **parameters,
        "images_key": images["key"],
        "labels_key": images["labels_key"],
    }
    with durable.locked(folder):
        opened = Study(folder)
        if (folder / "manifest.json").exists():
            manifest, growing = opened.manifest, grows or {}
            fixed = {k: v for k, v in manifest["parameters"].items() if k not in growing}
            study_manifest.check_agreement(
                {**manifest, "parameters": fixed}, folder, study, parameters
            )
            manifest["parameters"] |= growing
            manifest["version"] = study_manifest.VERSION
        else:
            manifest = study_manifest.new(
                study, title, parameters, grows or {}, images, summary=summary
            )
        # Only now is the folder known to be this study's.
        for path in durable.leftovers(folder):
            path.unlink()
        durable.write_record(folder / "manifest.json", manifest)
        yield opened
