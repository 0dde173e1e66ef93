"""What every estimator of intrinsic dimension returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dimension:
    """The intrinsic dimension of n rows: how many numbers move a point along the set they form.

    Attributes
    ----------
    value : float
        What the estimator says, greater than 0. It reads low where n is small for the dimension.
    low, high : float
        Interval for ``value`` at ``level``: what repeating the draw of n rows would do to it. It
        knows nothing of the estimator's bias, which ``calibrated`` removes for even balls.
    calibrated : float
        The dimension of the uniform ball whose n points make the estimator say ``value`` (for
        "participation": what its file says). It may lie outside [low, high].
    n : int
        How many rows were used, identical ones counted once.
    k : int
        How many neighbours of each row were used; 0 where none are.
    method : str
        The estimator's name.
    level : float
        The share of intervals, in [0, 1], that hold the estimator's mean in repeated draws.
    alarms : tuple of str
        A sentence for each reason to doubt the value; empty where none was found.
    """

    value: float
    low: float
    high: float
    calibrated: float
    n: int
    k: int
    method: str
    level: float = 0.95
    alarms: tuple[str, ...] = ()
