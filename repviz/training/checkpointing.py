"""Checkpoints of a training under way, so that nothing that ends it loses more than minutes."""

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
    """The checkpoint file of one training: the same training resumes, another one is refused.

    Parameters
    ----------
    model : Model
        The model whose module is being trained, described as it will be once trained.
    path : Path
        The checkpoint.
    identity : dict
        What distinguishes this training from any other, as JSON values.
    recipe : dict
        What the checkpoint says about the training, as JSON values.
    images_key : str
        The key of the images.
    interval : float
        Seconds between two checkpoints.
    tensorboard : bool
        Whether to write the curves for TensorBoard too, in a folder beside the checkpoint.
    """

    def __init__(
        self,
        model: Model,
        path: Path,
        *,
        identity: dict[str, Any],
        recipe: dict[str, Any],
        images_key: str,
        interval: float,
        tensorboard: bool = False,
    ) -> None:
        self.model, self.path, self.interval = model, path, interval
        self.identity, self.recipe, self.images_key = identity, recipe, images_key
        self.writer = _summary_writer(path.with_suffix(".tensorboard")) if tensorboard else None

    def load(self) -> State | None:
        """The state that :meth:`save` wrote, or None; the module then has its weights again."""
        if not self.path.exists():
            return None
        saved = read_card(self.path).get("training", {}).get("identity", {})
        if different := provenance.differences(saved, self.identity):
            raise Mismatch(
                f"{self.path}: it holds another training: {'; '.join(different)}. Choose another "
                "file, or delete this one."
            )
        progress, tensors = load_training(self.path, self.model.module)
        return State(**progress["state"], tensors=tensors)

    def save(self, state: State, *, finished: bool = False) -> None:
        """Write the state and the present weights, all or nothing."""
        model, epochs = self.model, len(state.history)
        if not finished:
            model = replace(model, weights=f"unfinished: {epochs} epochs done ({model.weights})")
        numbers = {"step": state.step, "loss": state.loss, "score": state.score}
        save_checkpoint(
            model,
            self.path,
            recipe=self.recipe,
            images_key=self.images_key,
            training={
                "identity": self.identity,
                "finished": finished,
                "state": numbers | {"history": state.history},
            },
            tensors={} if finished else state.tensors,
        )

    def end_epoch(self, history: list[Row]) -> None:
        """Write the curves as a table beside the checkpoint and, if asked for, for TensorBoard."""
        curves = pd.DataFrame(history).to_csv(index=False)
        durable.write_text(self.path.with_suffix(".csv"), curves)
        if self.writer is not None:
            row = history[-1]
            for name, value in row.items():
                self.writer.add_scalar(name, value, int(row["epoch"]))
            self.writer.flush()


def _summary_writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise Unavailable(
            "train: the package tensorboard is needed for its curves and is not installed. Run: "
            "pip install tensorboard."
        ) from error
    return SummaryWriter(folder)
