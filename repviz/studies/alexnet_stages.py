"""The stages of AlexNet in a study: anatomy, training within a budget, and extraction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from repviz import progress
from repviz.activations import layout
from repviz.activations.extraction import extract
from repviz.images.collection import Images
from repviz.images.partition import by_for_labels
from repviz.models import open_model
from repviz.models.anatomy import anatomy
from repviz.models.model import Model
from repviz.number_format import counted
from repviz.streams import stream
from repviz.studies.outcomes import write_outcomes
from repviz.studies.representations import Split, draw_by_label
from repviz.study_folder import Draft, Study
from repviz.training import train
from repviz.training.alexnet_recipe import FEW_IMAGES, TRAIN_SCORED, untrained_control
from repviz.training.evaluation import evaluate

LAYERS = ["pool1", "pool2", "pool5", "fc6", "fc7"]
MAPPED = ["conv1", "pool1", "conv5", "pool5"]  # layers whose maps of a few images are shown
SECONDS = 0.11  # of one core, for the pass of one image forwards and backwards
SCORING = 0.03  # seconds of one core, for the pass of one image forwards
HELD_OUT = 2000  # images that accuracy is scored on after each epoch, at most


@dataclass(frozen=True, eq=False)
class AlexNetTraining:
    """The training set of AlexNet, and the number of epochs.

    Attributes
    ----------
    identity : (ndarray, ndarray)
        All rows that are known, and all held-out rows.
    split : (ndarray, ndarray)
        Of these the rows to train on, and the rows to test on.
    epochs : int
        Passes over the training rows.
    usual_epochs : int
        Those that the recipe, or the user, asks for.
    seed : int
        Seed of weights and training.
    """

    identity: Split
    split: Split
    epochs: int
    usual_epochs: int
    seed: int


def affordable_training(
    labels: np.ndarray | None,
    identity: Split,
    epochs: int | None,
    budget: float,
    seed: int,
) -> AlexNetTraining:
    """The training that ``budget`` allows: fewer epochs at first, then a sample by label.

    Parameters
    ----------
    labels : ndarray, shape (n,), or None
        Labels of all images.
    identity : (ndarray, ndarray)
        Rows that are known, and held-out rows.
    epochs : int or None
        So many epochs on all images, whatever they cost; None leaves it to the budget.
    budget : float
        CPU-minutes, above 0, at a nominal 0.11 s per image and epoch, and 0.03 s for each image
        that accuracy is scored on after it.
    seed : int
        Seed of the samples and of the training.
    """
    known, held_out = identity
    rng = stream(seed, "faces", "training")
    seconds = 60 * budget
    # Scoring the held-out images after an epoch, and once more at the end, takes half at most.
    most = HELD_OUT if epochs is not None else min(HELD_OUT, max(1, int(seconds / 4 / SCORING)))
    tested = held_out[_sample(labels, held_out, most, rng)]
    if epochs is not None:
        return AlexNetTraining(identity, (known, tested), epochs, epochs, seed)
    usual = FEW_IMAGES.epochs
    seconds -= SCORING * len(tested)
    epoch = SECONDS * len(known) + SCORING * (len(tested) + min(len(known), TRAIN_SCORED))
    affordable = min(max(round(seconds / epoch), 1), usual)
    # An epoch more or less is a matter of rounding; images are left out only beyond one epoch.
    seconds -= SCORING * len(tested)
    passes = seconds / (SECONDS + SCORING)
    if passes > TRAIN_SCORED:
        passes = (seconds - SCORING * TRAIN_SCORED) / SECONDS
    passes = max(1, round(passes))
    fitted = known if passes >= len(known) else known[_sample(labels, known, passes, rng)]
    return AlexNetTraining(identity, (fitted, tested), affordable, usual, seed)


def _sample(
    labels: np.ndarray | None, rows: np.ndarray, most: int, rng: np.random.Generator
) -> np.ndarray:
    """Places of at most ``most`` of ``rows``, drawn by label."""
    return draw_by_label(None if labels is None else labels[rows], len(rows), most, rng)


def alexnet_stages(
    study: Study,
    images: Images,
    measured: np.ndarray,
    shown: np.ndarray,
    training: AlexNetTraining,
) -> None:
    """The stages of the paper's AlexNet: anatomy.csv, training.csv, its outcomes and acts/.

    Parameters
    ----------
    study : Study
        Where the stages are written.
    images : Images
        All images; without two labels the network is not trained, and the study says why.
    measured : ndarray of int
        Rows whose activations are extracted.
    shown : ndarray of int
        Rows of which the feature maps are extracted too, into acts/maps/.
    training : AlexNetTraining
        How the network is trained.
    """
    seed, split = training.seed, training.split
    random = open_model("alexnet", variant="paper", classes=max(len(images.classes), 2), seed=seed)
    wide = images.at(size=random.preprocessing.size, grey=False)
    reason = _untrainable(images, training.identity)
    study.stage("anatomy", lambda draft: draft.table("anatomy", anatomy(random)))

    def untrained(draft: Draft) -> None:
        # Where training starts, not the raw random network: what differs later was then learned.
        control = untrained_control(random, wide, split[0], seed=seed)
        _extract(draft, control, wide.take(measured), LAYERS, "untrained")
        if not reason:
            _extract(draft, control, wide.take(shown), MAPPED, "maps/untrained")

    study.stage("extract untrained", untrained)
    if reason:
        study.skip("training", reason)
        return
    weights = "models/alexnet.safetensors"

    def trained_network(draft: Draft) -> None:
        _announce(training)
        out = draft.path(weights)
        run = train(random, wide, held_out=split, epochs=training.epochs, out=out, seed=seed)
        columns = {"n_available": len(training.identity[0]), "usual_epochs": training.usual_epochs}
        draft.table("training", run.table.assign(**columns))
        found = evaluate(run.model, wide, rows=split[1])
        write_outcomes(draft, run.model, wide, found, seed=seed)

    def trained(draft: Draft) -> None:
        model = open_model("alexnet", weights=str(study.folder / weights))
        _extract(draft, model, wide.take(measured), LAYERS, "trained")
        _extract(draft, model, wide.take(shown), [*MAPPED, model.layers[-1]], "maps/trained")

    study.stage("training", trained_network)
    study.stage("extract trained", trained)


def _announce(training: AlexNetTraining) -> None:
    """Report what the budget leaves out."""
    n, available = len(training.split[0]), len(training.identity[0])
    epochs = training.epochs
    if (n, epochs) != (available, training.usual_epochs):
        progress.say(
            f"study faces: AlexNet is trained on {n:,} of {available:,} images for "
            f"{epochs} of {training.usual_epochs} epochs, as the budget allows"
        )


def _untrainable(images: Images, identity: Split) -> str:
    """Why AlexNet cannot learn to tell these images' labels apart; empty where it can."""
    if len(images.classes) < 2:
        got = "no labels" if images.labels is None else "one label"
        return f"the images have {got}, and a classifier needs two"
    labels = np.asarray(images.labels)
    n_missing = len(set(labels[identity[1]]) - set(labels[identity[0]]))
    missing = counted(n_missing, "label")
    if n_missing and by_for_labels(images) == "group":
        return (
            f"every image of {missing} is of groups that are held out, and a label cannot be "
            "learned without images"
        )
    have = "has" if n_missing == 1 else "have"
    single = f"{missing} {have} a single image, which cannot be both learned and tested"
    return single if n_missing else ""


def _extract(draft: Draft, model: Model, images: Images, layers: list[str], name: str) -> None:
    out = draft.folder / "acts" / name
    extract(model, images, layers=layers, out=out, strict=True)
    draft.list_files(layout.written_files(out))
