"""Checking files on disk against the checksums that they were written with."""

from __future__ import annotations

from pathlib import Path

from repviz import checks
from repviz.errors import Damaged, StoreError


def verify(path: str | Path) -> int:
    """The number of files in ``path`` that match their checksums; one that does not is refused.

    Parameters
    ----------
    path : path
        A folder of activations or of a study, a checkpoint (``.safetensors``), a report
        (``.html``), or an exported file or folder with its card beside it. Or the address of
        activations, whose objects are read where they are.

    Raises
    ------
    Damaged
        A file is missing or was changed; the message names the first.
    StoreError
        ``path`` is none of these.
    """
    from repviz import seals, study_manifest
    from repviz.activations import layout
    from repviz.activations.addresses import is_address

    if is_address(path):
        return _activations(str(path))
    path = checks.path("verify", "path", path)
    if path.is_file() and path.suffix == ".safetensors":
        return _checkpoint(path)
    if path.is_file() and path.suffix == ".html":
        seals.check_page(path)
        return 1
    if path.name and seals.card_path(path).is_file():
        return seals.check_card(path)
    if not (path / "manifest.json").is_file():
        raise StoreError(
            f"{path}: must be a folder of activations or of a study, a checkpoint, a report or an "
            "export, got neither manifest.json nor the card of an export. Check the path."
        )
    from repviz import durable

    form = durable.read_record(path / "manifest.json").get("format")
    if form == study_manifest.FORMAT:
        return _study(path)
    if form != layout.FORMAT:
        raise Damaged(
            f"{path}: this folder must hold activations or a study, got format '{form}'. Check "
            "the path."
        )
    return _activations(path)


def _study(path: Path) -> int:
    """Every file that a stage lists, stored activations among them, the manifest, the report."""
    from repviz import seals
    from repviz.study_folder import open_study

    study = open_study(path)
    checked = 1 + sum(study.check(stage) for stage in study.manifest["stages"])
    if study.report.exists():
        seals.check_page(study.report, study.results_key)
        checked += 1
    return checked


def _activations(path: Path | str) -> int:
    from repviz.activations import integrity
    from repviz.manifold.search.graph_files import read_graph

    result = integrity.verify(path)
    if not result.ok:
        raise Damaged(
            f"{path}: {len(result.damaged)} of {result.files} files were changed or removed since "
            f"they were written, the first '{result.damaged[0]}'. Extract the activations again, "
            "into another folder."
        )
    graphs = sorted((result.path / "graphs").glob("*/*.npz"))
    for graph in graphs:
        read_graph(graph)
    return result.files + len(graphs)


def _checkpoint(path: Path) -> int:
    from repviz.models.checkpoints import verify_checkpoint

    verify_checkpoint(path)
    return 1
