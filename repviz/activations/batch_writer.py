"""Batches of activations, written to shards in order; saved every minute and on a stop signal."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from repviz import progress
from repviz.activations import layout, writer
from repviz.activations.addresses import address_of
from repviz.activations.pipeline import Batch, nan_rows, not_finite

SAVE_EVERY = 60.0  # seconds of work that a kill can cost


class BatchWriter:
    """Writes batches in order, each to the shard that it belongs to; saves every minute."""

    def __init__(
        self,
        path: Path,
        manifest: dict[str, Any],
        saved: dict[int, dict[str, Any]],
        about: dict[str, str],
    ) -> None:
        self.path, self.manifest = path, manifest
        self.about = about  # what the commit of each shard says besides
        self.features = {name: card["features"] for name, card in manifest["layers"].items()}
        self.dtype = next(iter(manifest["layers"].values()))["dtype"]
        self.shard: writer.Shard | None = None
        self.saved, self.last_saved = saved, monotonic()
        self.record: dict[str, Any] = {}
        self.rows = 0  # of the shard
        self.n, self.kept = manifest["images"]["n"], 0  # images, and those that are done

    def __enter__(self) -> BatchWriter:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        # Ctrl-C, SIGTERM, and a reader of our output that went away take nothing that is done.
        interrupted = error is not None and not isinstance(error, Exception)
        if self.shard is not None:
            closed_pipe = isinstance(error, BrokenPipeError)
            if (interrupted or closed_pipe) and self.rows > self.shard.saved:
                self.shard.save(self.rows, self.record)
            self.shard.__exit__(kind, error, trace)
        if interrupted:
            place = address_of(self.path) or self.path
            progress.say(
                f"extract: {self.kept:,} of {self.n:,} images are kept in {place}. The same "
                "call goes on from there."
            )

    def write(self, batch: Batch, blocks: dict[str, np.ndarray], overflow: dict[str, int]) -> None:
        """Write one batch's rows of each layer, and record unreadable images and overflows."""
        number = layout.shard_of(self.manifest, batch.rows.start)
        here = layout.shard_rows(self.manifest, number)
        if self.shard is None:
            self._begin(number, len(here))
        assert self.shard is not None
        for layer, block in blocks.items():
            nan_rows(block, batch)
            for place in not_finite(block):
                if (row := batch.rows[int(place)]) not in batch.unreadable:
                    where = self.record["not_finite"].setdefault(str(row), [])
                    where.append(layer)
        self.shard.append(blocks)
        self.record["hashes"] += batch.hashes
        for row, why in sorted(batch.unreadable.items()):
            self.record["unreadable"][str(row)] = why
        for name, count in overflow.items():
            if count:
                self.record["overflow"][name] = self.record["overflow"].get(name, 0) + count
        self.rows, self.kept = batch.rows.stop - here.start, self.kept + len(batch.rows)
        if batch.rows.stop == here.stop:
            shard, self.shard = self.shard, None  # from here on whole or not at all
            with shard:
                shard.commit(self.record)
            self.last_saved = monotonic()
        elif monotonic() - self.last_saved >= SAVE_EVERY:
            self.shard.save(self.rows, self.record)
            self.last_saved = monotonic()

    def _begin(self, number: int, rows: int) -> None:
        mine = self.saved.get(number, {})
        empty: dict[str, Any] = {"unreadable": {}, "not_finite": {}, "overflow": {}, "hashes": []}
        self.record = {name: mine.get(name, value) for name, value in empty.items()} | self.about
        self.rows = mine.get("rows", 0)
        self.shard = writer.Shard(
            self.path, number, self.features, rows=rows, dtype=self.dtype, saved=self.rows
        )
