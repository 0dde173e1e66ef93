"""Checkpoints of a training under way, so that nothing that ends it loses more than minutes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from repviz import durable, provenance
from repviz.errors import Damaged, Mismatch, Unavailable
from repviz.locking import reserved
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
    overwrite : bool
        Whether the file of another training is replaced, instead of refused.
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
        overwrite: bool = False,
    ) -> None:
        self.model, self.path, self.interval = model, path, interval
        self.identity, self.recipe, self.images_key = identity, recipe, images_key
        self.overwrite = overwrite
        self.writer = _summary_writer(path.with_suffix(".tensorboard")) if tensorboard else None

    def load(self) -> State | None:
        """The state that :meth:`save` wrote, or None; the module then has its weights again."""
        if not self.path.exists() or (self.overwrite and not is_checkpoint(self.path)):
            return None
        saved = read_card(self.path)["training"].get("identity")
        saved = saved if isinstance(saved, dict) else {}
        if different := provenance.differences(saved, self.identity):
            if self.overwrite:
                return None
            raise Mismatch(
                f"{self.path}: this checkpoint belongs to another training run: "
                f"{'; '.join(different)}. Choose another file, or allow this one to be replaced: "
                "overwrite=True (--overwrite)."
            )
        progress, tensors = load_training(self.path, self.model.module)
        state = State(**_checked(self.path, progress), tensors=tensors)
        if state.history:
            self._write_curves(state.history)
        return state

    def save(self, state: State, *, finished: bool = False) -> None:
        """Write the state and the present weights, all or nothing."""
        model, epochs = self.model, len(state.history)
        if not finished:
            weights = f"unfinished: {epochs} epochs done ({model.weights})"
            model = replace(model, weights=weights, weights_kind="trained")
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
        self._write_curves(state.history)

    def end_epoch(self, history: list[Row]) -> None:
        """Write the curves beside the checkpoint, once there is one, and for TensorBoard."""
        if self.path.exists():
            self._write_curves(history)
        if self.writer is not None:
            row = history[-1]
            for name, value in row.items():
                self.writer.add_scalar(name, value, int(row["epoch"]))
            self.writer.flush()

    def _write_curves(self, history: list[Row]) -> None:
        curves = pd.DataFrame(history).to_csv(index=False)
        durable.write_text(curves_path(self.path), curves)


def _checked(path: Path, progress: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a saved state, each of its type.

    Raises
    ------
    Damaged
        One is missing, or is of another type.
    """
    state = progress.get("state")
    if isinstance(state, dict) and state.keys() == {"step", "loss", "score", "history"}:
        rows: list[Any] = state["history"] if isinstance(state["history"], list) else [None]
        good = all(isinstance(row, dict) and "epoch" in row for row in rows)
        values = [state["loss"], state["score"]]
        values += [value for row in rows for value in row.values()] if good else [None]
        if type(state["step"]) is int and all(isinstance(value, int | float) for value in values):
            return state
    raise Damaged(f"{path}: the training state cannot be read. Delete the file and train again.")


def curves_path(checkpoint: Path) -> Path:
    """The table of a training's curves, beside its checkpoint."""
    return checkpoint.parent / f"{checkpoint.stem}.csv"


@contextmanager
def reserved_checkpoint(checkpoint: Path, *, resumes: bool, overwrite: bool) -> Iterator[None]:
    """Within the block no other training writes to ``checkpoint``, and nothing foreign is lost.

    Parameters
    ----------
    checkpoint : Path
        The file that will be written, with its curves beside it.
    resumes : bool
        Whether a checkpoint that is there already may be one of this training.
    overwrite : bool
        Whether any other file may be replaced.

    Raises
    ------
    StoreError
        A file is in the way, or another training writes to it.
    """
    own = resumes and is_checkpoint(checkpoint)
    with reserved(checkpoint, curves_path(checkpoint), overwrite=overwrite or own):
        yield


def is_checkpoint(path: Path) -> bool:
    """Whether ``path`` is a checkpoint that repviz wrote."""
    try:
        read_card(path)
    except (Damaged, Unavailable):
        return False
    return True


def _summary_writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise Unavailable(
            "train: the package tensorboard is needed and is not installed. Run: pip install "
            "tensorboard."
        ) from error
    return SummaryWriter(folder)
