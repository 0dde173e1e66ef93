"""The test images that a report shows: best, median and worst by error, not picked by eye."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from repviz.bottleneck.fitted import Fits
from repviz.bottleneck.plan import Plan
from repviz.study_folder import Draft, Study


def write_panels(draft: Draft, study: Study, fits: Fits, plan: Plan) -> None:
    """Write the originals and every engine's reconstructions of six test images.

    Their rank is that of the mean error of the last engine over all sizes.
    """
    test, seed = plan.parts.test, plan.seeds[0]
    engines = plan.decoding_engines
    sizes = [
        k
        for k in plan.sizes
        if all(fits.array(engine.name, k, seed, "images") is not None for engine in engines)
    ]
    ranking = engines[-1].name
    error = np.mean([fits.errors(ranking, k).mean(axis=0) for k in sizes], axis=0)
    order = np.argsort(error, kind="stable")
    middle = len(order) // 2
    picks = {"best": order[:2], "median": order[middle - 1 : middle + 1], "worst": order[-2:]}
    positions = np.concatenate(list(picks.values()))
    panels = [plan.data.X[test[positions]]]
    rows: list[dict[str, Any]] = [
        {"engine": "original", "engine_label": "original", "bottleneck": np.nan}
    ]
    for engine in engines:
        for k in sizes:
            pixels = fits.array(engine.name, k, seed, "images")
            assert pixels is not None
            panels.append(pixels[positions])
            rows.append({"engine": engine.name, "engine_label": engine.label, "bottleneck": k})
    stack = np.stack(panels)  # (panels, positions, c, h, w)
    draft.array("reconstructions", stack[:, :, 0] if stack.shape[2] == 1 else stack)
    table = pd.DataFrame(rows).rename_axis("panel").reset_index()
    draft.table("reconstruction_panels", table)
    images = study.result("images").set_index("row").loc[test[positions], ["id", "label"]]
    images = images.reset_index().rename_axis("position").reset_index()
    images["pick"] = [pick for pick, rows in picks.items() for _ in rows]
    draft.table("reconstruction_images", images)
