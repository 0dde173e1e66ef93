"""The table of rows of an extraction (``rows.parquet``), and warnings about its images."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz.activations import layout, object_store, writer
from repviz.activations.capture import Capture
from repviz.activations.store import Activations
from repviz.errors import ImageError
from repviz.images.collection import Images
from repviz.locking import locked_file
from repviz.provenance import portable

if TYPE_CHECKING:
    import pandas as pd

REASONS, NAMED = 10, 5  # in a warning: reasons, and images of each; rows.parquet has them all


def rows_of(images: Images, path: Path, manifest: dict[str, Any]) -> pd.DataFrame:
    """The table of rows: id, path, hash, label, group, status, reason and factors of each image."""
    import pandas as pd

    n, first = len(images), layout.first_row(manifest)
    records = [layout.read_commit(path, number) for number in range(layout.shards(manifest))]
    reasons = {
        int(row): reason for record in records for row, reason in record["unreadable"].items()
    }
    status = ["unreadable" if row in reasons else "ok" for row in range(n)]
    for record in records:
        for row, layers in record.get("not_finite", {}).items():
            status[int(row)] = "not finite"
            reasons[int(row)] = f"a NaN or an infinity in {', '.join(layers)}"
    return pd.DataFrame(
        {
            "row": np.arange(first, first + n),
            "id": list(images.ids),
            "path": [portable(images.where(row)) for row in range(n)],
            "content_hash": [hash_ for record in records for hash_ in record["hashes"]],
            "label": [None] * n if images.labels is None else list(images.labels),
            **({} if images.groups is None else {"group": images.groups}),
            "status": status,
            "reason": [reasons.get(row, "") for row in range(n)],
            **{f"factor_{name}": values for name, values in images.factors.items()},
        }
    )


def seal(path: Path, manifest: dict[str, Any], images: Images, *, anew: bool, shared: bool) -> bool:
    """Whether all shards are there; if so, the table of rows is written, which ends the extraction.

    Parameters
    ----------
    path, manifest, images
        The folder, its manifest and its images.
    anew : bool
        Whether shards were computed in this call, so that an older table is out of date.
    shared : bool
        Whether other processes may try the same at this moment.
    """
    with locked_file(path / "rows.parquet", wait=True) if shared else nullcontext():
        if shared:
            object_store.pull(path)
        if len(layout.finished_shards(path, manifest)) < layout.shards(manifest):
            return False
        if anew or not (path / "rows.parquet").is_file():
            writer.finish(path, rows_of(images, path, manifest))
        writer.clear_unfinished(path)
    return True


def warn_of_late(capture: Capture) -> None:
    """Warn of the layers that ran for some images but not in the dry run."""
    if capture.late:
        warnings.warn(
            "extract: layers that do not run for every image were left out: "
            f"{', '.join(sorted(capture.late))}. They have no output for the other images.",
            stacklevel=3,
        )


def _by_reason(rows: pd.DataFrame) -> str:
    """Each reason once with the ids of its images; long lists are cut."""
    ids: dict[str, list[str]] = {}
    for name, reason in zip(map(str, rows["id"]), map(str, rows["reason"]), strict=True):
        without_path = reason.partition(f"{name}: ")[2] or reason
        ids.setdefault(without_path, []).append(name)
    parts = []
    for reason, named in list(ids.items())[:REASONS]:
        more = f", ... ({len(named):,} images)" if len(named) > NAMED else ""
        parts.append(f"{', '.join(named[:NAMED])}{more}: {reason}")
    others = len(ids) - len(parts)
    return "; ".join(parts) + (f"; and {others:,} other reasons, in rows.parquet" if others else "")


def warn_of_rows(acts: Activations) -> None:
    """Warn of images that could not be read, of values that are not finite, and of overflows."""
    strange = acts.rows[acts.rows["status"] == "not finite"]
    if len(strange):
        warnings.warn(
            f"extract: the network's output is not finite for {len(strange)} of {len(acts)} "
            f"images: {_by_reason(strange)}",
            stacklevel=3,
        )
    bad = acts.rows[acts.rows["status"] == "unreadable"]
    if len(bad):
        shown = _by_reason(bad)
        if len(bad) == len(acts):
            raise ImageError(f"extract: at least one image must be readable, got none. {shown}")
        warnings.warn(
            f"extract: {len(bad)} of {len(acts)} images could not be read; their rows are NaN: "
            f"{shown}",
            stacklevel=3,
        )
    if any(card["dtype"] == "float16" for card in acts.manifest["layers"].values()):
        counted = ", ".join(f"{name}: {count:,}" for name, count in acts.overflow.items() if count)
        if counted:
            warnings.warn(
                "extract: values beyond 65,504, the largest float16, became infinite "
                f"({counted}). Use float32.",
                stacklevel=3,
            )
