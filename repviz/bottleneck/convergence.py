"""Convergence of trainings, diagnosed from the validation error after each epoch.

The learning rate falls to zero along a cosine, so every learning curve is flat in its last tenth,
however short the training was. The diagnosis therefore uses the decrease over the whole second
half. Measured on ORL at 32x32: convolutional trainings whose error decreased there by 4 to 13 %
would have gained 5 to 27 % from twice the epochs; those below 1 % gained less than 1 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from repviz.bottleneck.engines import Engine
from repviz.bottleneck.fitted import Fits
from repviz.errors import InputError
from repviz.number_format import percent

CURVE = ("epoch", "step", "train_mse", "validation_mse", "is_relative", "selected")
LARGEST_FALL = 0.02  # relative fall over the second half up to which a training had converged
LARGEST_SHARE = 0.25  # of the whole fall; more is that of a training that has hardly begun


def learning_curve_array(engine: Engine, history: pd.DataFrame) -> np.ndarray:
    """The columns :data:`CURVE` of a training's history, (epochs + 1, 6) float64.

    Raises
    ------
    InputError
        A user's engine returned a history without them.
    """
    lacking = [name for name in CURVE if name not in history]
    if lacking:
        raise InputError(
            f"engine '{engine.name}': the history of its codec must have the columns "
            f"{', '.join(CURVE)}, got none called {lacking[0]}."
        )
    return history[list(CURVE)].to_numpy(np.float64)


def learning_curves(fits: Fits) -> pd.DataFrame:
    """The table learning_curves.csv: one row per training and epoch."""
    columns = [*("engine", "engine_title", "engine_label", "colour_role"), "bottleneck", "seed"]
    tables = [pd.DataFrame(columns=[*columns, *CURVE])]
    for job in fits.plan.jobs:
        about = {name: job.engine.columns[name] for name in columns[:4]}
        for k in fits.plan.trained_sizes(job.engine, job.sizes):
            history = fits.array(job.engine.name, k, job.seed, "history")
            if history is not None:
                table = pd.DataFrame(np.asarray(history), columns=list(CURVE))
                whole = {"epoch": int, "step": int, "is_relative": bool, "selected": bool}
                table = table.astype(whole).assign(**about, bottleneck=k, seed=job.seed)
                tables.append(table[[*columns, *CURVE]])
    return pd.concat(tables[1:], ignore_index=True) if tables[1:] else tables[0]


@dataclass(frozen=True)
class LateFall:
    """The decrease of the validation error over the second half of a training's steps.

    Attributes
    ----------
    relative : float
        Relative to the error at the end of the first half, in [0, 1]; 0 where the lowest error came
        before, and NaN where the errors of the epochs are not comparable (those of "prefix", whose
        code shrinks during training).
    of_all : float
        Relative to the decrease from the start to the lowest error, in [0, 1].
    """

    relative: float
    of_all: float

    @property
    def converged(self) -> bool:
        """Whether both decreases are within their limits; True where they are NaN."""
        return not (self.relative > LARGEST_FALL or self.of_all > LARGEST_SHARE)


def late_fall(curve: pd.DataFrame) -> LateFall:
    """The late decrease of one training, from its rows of learning_curves.csv."""
    if curve["is_relative"].any():
        return LateFall(float("nan"), float("nan"))
    errors, step = curve["validation_mse"].to_numpy(), curve["step"].to_numpy()
    is_late = step > step[-1] / 2
    if not is_late.any():
        return LateFall(0.0, 0.0)  # effort 0: nothing was trained
    earlier, lowest = errors[~is_late], float(errors[is_late].min())
    if lowest >= earlier.min():
        return LateFall(0.0, 0.0)
    fall = float(earlier[-1]) - lowest
    return LateFall(fall / float(earlier[-1]), min(1.0, fall / (float(errors[0]) - lowest)))


def convergence_warning(curves: pd.DataFrame) -> str:
    """The warning that trainings of one engine and size did not converge; "" if all seeds did."""
    falls = [late_fall(curve) for _, curve in curves.groupby("seed")]
    falling = [fall for fall in falls if not fall.converged]
    if not falling:
        return ""
    worst, last = max(falling, key=lambda fall: fall.relative), int(curves["step"].max())
    return (
        f"not converged: over the second half of its {last:,} steps the validation error still "
        f"fell by {percent(worst.relative)} ({percent(worst.of_all, 0)} of its whole fall), so a "
        "longer training may end lower."
    )
