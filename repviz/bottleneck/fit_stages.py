"""Stages that fit engines: independent ones run in parallel, on all cores or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from repviz import remote
from repviz.models.device import has_accelerator
from repviz.study_folder import Draft, Study
from repviz.study_manifest import is_finished


@dataclass(frozen=True)
class FitStage:
    """One stage of a study, as :meth:`repviz.study_folder.Study.stage` takes it.

    Attributes
    ----------
    name : str
        Name of the stage.
    work : callable
        Writes its files through a :class:`Draft`; may be pickled.
    inputs, about : dict, optional
        What its files depend on; what it fitted.
    independent : bool
        Whether it needs no other of these stages, nor anything that they compute and share.
    """

    name: str
    work: Callable[[Draft], None]
    inputs: dict[str, Any] | None = None
    about: dict[str, Any] | None = None
    independent: bool = True


def run_stages(study: Study, stages: Sequence[FitStage]) -> None:
    """Run each stage that is not finished, in order, the independent ones in parallel."""
    manifest = study.manifest
    calls = {
        stage.name: partial(_files, study.folder, stage.work)
        for stage in stages
        if stage.independent and not is_finished(manifest, stage.name, stage.inputs)
    }
    in_turn = has_accelerator()
    with remote.results(list(calls.values()), unit="fits", in_turn=in_turn) as files:
        for stage in stages:
            work = partial(_listed, files) if stage.name in calls else stage.work
            study.stage(stage.name, work, inputs=stage.inputs, about=stage.about)


def _files(folder: Path, work: Callable[[Draft], None]) -> list[str]:
    """The files that ``work`` writes into a study's folder."""
    draft = Draft(folder)
    work(draft)
    return draft.files


def _listed(files: Iterator[list[str]], draft: Draft) -> None:
    draft.files.extend(next(files))
