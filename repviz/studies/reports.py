"""The report of a study, of two studies side by side, or of folders of activations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from repviz import checks, durable, study_manifest
from repviz.activations import layout
from repviz.activations.addresses import is_address
from repviz.errors import InputError
from repviz.images.collection import Images
from repviz.report.figure_files import write_figures
from repviz.report.page import write_report
from repviz.studies import study

KINDS = {layout.FORMAT: "activations", study_manifest.FORMAT: "study"}


@dataclass(frozen=True)
class ActivationsSetup:
    """Settings of the report of folders of activations.

    Attributes
    ----------
    layers : iterable of str, optional
        Of activations: the layers to measure, by name or glob (default: all).
    sample : int, optional
        Of activations: largest number of images to measure of each folder (default: 2000).
    pictures : Images or str, optional
        Of activations: the source of the images, for the pictures in the report.
    seed : int, optional
        Of activations: random seed (default: 0).
    """

    layers: Iterable[str] | str | None = None
    sample: int | None = None
    pictures: Images | str | None = None
    seed: int | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The settings that are not None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def build_report(
    *folders: str | Path,
    out: str | Path | None = None,
    setup: ActivationsSetup | None = None,
    title: str | None = None,
    sections: Iterable[str] | str = (),
    figures: str | Path | None = None,
    overwrite: bool = False,
) -> Path:
    """The path of the report of one study, of two studies side by side, or of saved activations.

    Parameters
    ----------
    *folders : path
        One study folder, whose report is written anew; two, which are compared; or folders of
        activations, which are measured.
    out : path, optional
        Of one study the HTML file, by default report.html in its folder; otherwise the folder of
        the new study, by default reports/activations or reports/comparison.
    setup : ActivationsSetup, optional
        How folders of activations are measured.
    title : str, optional
        The headline from now on: the study keeps it.
    sections : iterable of str
        Sections of your own for this page, each ``FILE.py:function`` or ``MODULE:function``; see
        :func:`repviz.write_report`.
    figures : path, optional
        A folder to which every figure of the report is written as well, as SVG, PDF and PNG with
        its numbers as CSV: see :func:`repviz.write_figures`.
    overwrite : bool
        Of one study: whether the file ``out`` may be replaced.

    Raises
    ------
    InputError
        The folders are of several kinds, or an option does not apply to them.
    """
    kind = _kind(folders)
    hint = "See repviz.ActivationsSetup."
    setup = checks.instance(
        "report", "setup", setup or ActivationsSetup(), ActivationsSetup, hint=hint
    )
    given = setup.given
    if given and kind == "study":
        raise InputError(
            f"report: {', '.join(given)} applies to folders of activations, got "
            f"{'a study' if len(folders) == 1 else 'studies'}. Leave it out."
        )
    if kind == "study" and len(folders) == 1:
        folder = Path(folders[0])
        path = write_report(folder, out=out, overwrite=overwrite, title=title, sections=sections)
    else:
        name = "activations" if kind == "activations" else "comparison"
        done = study(name, list(folders), out=out or f"reports/{name}", **given)
        folder, path = done.folder, done.report
        if title is not None or sections:  # the study has written its own page
            path = write_report(folder, title=title, sections=sections)
    if figures is not None:
        write_figures(folder, figures)
    return path


def _kind(folders: tuple[str | Path, ...]) -> str:
    """The kind of the folders: "activations" or "study"."""
    kinds: dict[str, Path] = {}
    for folder in folders:
        if is_address(folder):
            kinds.setdefault("activations", Path(folder))
            continue
        path = checks.path("report", "folder", folder)
        if not (path / "manifest.json").is_file():
            raise InputError(
                f"report: {path} must be a folder of a study or of activations, got no "
                "manifest.json in it. Create one: repviz study, repviz extract."
            )
        form = str(durable.read_record(path / "manifest.json").get("format"))
        if form not in KINDS:
            raise InputError(
                f"report: {path} must be a folder of a study or of activations, got the format "
                f"'{form}'. Check the path."
            )
        kinds.setdefault(KINDS[form], path)
    if len(kinds) != 1:
        found = " and ".join(f"{path} ({kind})" for kind, path in kinds.items()) or "none"
        raise InputError(
            "report: the folders must be studies alone or activations alone, at least one, got "
            f"{found}."
        )
    return next(iter(kinds))
