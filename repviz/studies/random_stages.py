"""The stages of a study that hold random images against real ones, with what they share."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

from repviz.bottleneck.plan import Plan
from repviz.facespace.calibration import calibrate, cannot_calibrate
from repviz.models import autoencoder, open_model
from repviz.models.model import Model
from repviz.studies.capacity import capacity_stage, unseen_rows, why_no_capacity
from repviz.studies.paths import paths_stage, why_no_paths
from repviz.studies.random_images import (
    held_out_images,
    known_images,
    known_rows,
    ladder_stage,
)
from repviz.studies.random_map import Space, random_map_stage
from repviz.studies.rarity import rarity_stage
from repviz.study_folder import Draft, Study


def code_autoencoder(study: Study, code: int) -> Model:
    """The autoencoder of the sweep with a code of ``code`` numbers."""
    weights = study.folder / "models" / f"linear-start-{code}.safetensors"
    return open_model("autoencoder", weights=str(weights))


def random_stages(
    study: Study, plan: Plan, *, code: int, samples: int, split: bool, rows: np.ndarray
) -> None:
    """Random images, how rare they are, paths, their places on the maps, the code's capacity.

    Parameters
    ----------
    study : Study
        With the sweep's autoencoders and the maps.
    plan : Plan
        The sweep's.
    code : int
        The size whose code is looked at.
    samples : int
        Random images of each kind.
    split : bool
        Whether what takes minutes of splitting is estimated too.
    rows : ndarray of int
        The images on the maps.
    """
    module = code_autoencoder(study, code).module
    codec = partial(autoencoder.encode, module), partial(autoencoder.decode, module)
    X, nouns, seed = plan.training_data().rows(plan.data.X), plan.data.nouns, plan.seeds[0]
    known_here = known_rows(plan.parts, seed=seed)
    known = known_images(X, plan.parts, known_here, nouns, codec)
    if reason := cannot_calibrate(known):
        for stage in ("ladder", "rarity", "capacity"):
            study.skip(stage, reason)
        return
    held_out = held_out_images(X, plan.parts, known, codec)
    own = dict[str, Any](known=known, rows=known_here, held_out=held_out, nouns=nouns, seed=seed)
    judges = cache(partial(calibrate, known, seed=seed))  # once, and not where both stages are done
    study.stage(
        "ladder", lambda draft: ladder_stage(draft, judges=judges(), samples=samples, **own)
    )
    rare = dict[str, Any](study=study, known=known, nouns=nouns, split=split, seed=seed)
    study.stage("rarity", lambda draft: rarity_stage(draft, judges=judges(), **rare))
    if reason := why_no_paths(held_out, nouns):
        study.skip("paths", reason)
    else:
        ends = own | {"test_rows": plan.parts.test}
        study.stage("paths", lambda draft: paths_stage(draft, judges=judges(), **ends))

    def random_map(draft: Draft) -> None:
        spaces: dict[str, Space] = {
            "pixels": (X[rows], np.asarray),
            f"code {code}": (codec[0](X[rows]), codec[0]),
        }
        random_map_stage(draft, study=study, spaces=spaces, rows=rows, seed=seed)

    study.stage("random map", random_map)
    unseen = unseen_rows(plan.parts, seed=seed)
    if reason := why_no_capacity(plan.parts, unseen, nouns, k=code):
        study.skip("capacity", reason)
        return
    room = partial(capacity_stage, study=study, X=X, encode=codec[0], parts=plan.parts)
    study.stage("capacity", partial(room, rows=unseen, measured=rows, seed=seed))
