"""A training that is kept while it goes on, so that whatever ends it does not lose it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from repviz import durable, provenance
from repviz.errors import Mismatch, Unavailable
from repviz.models.checkpoints import load_training, read_card, save_checkpoint
from repviz.models.model import Model
from repviz.training.loop import Row, State


class FileCheckpointer:
    """One training's checkpoint: opened again, it goes on; of another training, it is refused.

    Parameters
    ----------
    model : Model
        With the module that is being trained, and what its weights will be called.
    path : Path
        The checkpoint.
    identity : dict
        What makes this training this one, as JSON values.
    recipe : dict
        What the checkpoint says about it, as JSON values.
    images_key : str
        The key of the images.
    every : float
        Seconds between two times of keeping it.
    tensorboard : bool
        Whether the curves go to TensorBoard too, in a folder beside the checkpoint.
    """

    def __init__(
        self,
        model: Model,
        path: Path,
        *,
        identity: dict[str, Any],
        recipe: dict[str, Any],
        images_key: str,
        every: float,
        tensorboard: bool = False,
    ) -> None:
        self.model, self.path, self.every = model, path, every
        self.identity, self.recipe, self.images_key = identity, recipe, images_key
        self.board = _board(path.with_suffix(".tensorboard")) if tensorboard else None

    def kept(self) -> State | None:
        """The state that :meth:`keep` wrote, or None; the weights are then back in the module."""
        if not self.path.exists():
            return None
        there = read_card(self.path).get("training", {}).get("identity", {})
        if different := provenance.differences(there, self.identity):
            raise Mismatch(
                f"{self.path}: it holds another training: {'; '.join(different)}. Choose another "
                "file, or delete this one."
            )
        progress, tensors = load_training(self.path, self.model.module)
        return State(**progress["state"], tensors=tensors)

    def keep(self, state: State, *, over: bool = False) -> None:
        """Write the state and the weights as they are, all or nothing, and the curves beside."""
        model, epochs = self.model, len(state.history)
        if not over:
            model = replace(model, weights=f"unfinished: {epochs} epochs over ({model.weights})")
        numbers = {"step": state.step, "loss": state.loss, "score": state.score}
        save_checkpoint(
            model,
            self.path,
            recipe=self.recipe,
            images_key=self.images_key,
            training={
                "identity": self.identity,
                "over": over,
                "state": numbers | {"history": state.history},
            },
            tensors={} if over else state.tensors,
        )

    def epoch_over(self, history: list[Row]) -> None:
        """The curves, as a table beside the checkpoint and, if asked for, in TensorBoard."""
        curves = pd.DataFrame(history).to_csv(index=False)
        durable.write_text(self.path.with_suffix(".csv"), curves)
        if self.board is not None:
            row = history[-1]
            for name, value in row.items():
                self.board.add_scalar(name, value, int(row["epoch"]))
            self.board.flush()


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise Unavailable(
            "train: the package tensorboard is needed for its curves and is not installed. Run: "
            "pip install tensorboard."
        ) from error
    return SummaryWriter(folder)
