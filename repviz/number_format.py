"""Formatting of numbers for reports, figures and sentences: significant digits and units."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

NOTHING = "–"
SMALL = 1e-6  # below it, zeros would have to be counted
LEAST_SHARE = 5e-9  # nearer to 0 or 1, six decimals of a percentage show no difference
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

# What the warnings of a dimension say where larger ones would give the same estimate.
LOWER_LIMIT = "the calibrated value is a lower limit"


def missing(value: Any) -> bool:
    """Whether ``value`` is None, NaN or an empty text."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def plain(value: Any, digits: int = 3) -> str:
    """A measured number to ``digits`` significant digits; as a power of ten below a millionth."""
    if missing(value):
        return NOTHING
    value = float(value)
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) < SMALL:
        share, power = f"{value:.{digits - 1}e}".split("e")
        return f"{share} × {power_of_ten(int(power))}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def count(value: Any) -> str:
    """An integer with thousands separators: ``60,965,224``."""
    return NOTHING if missing(value) else f"{int(value):,}"


def counted(value: Any, noun: str) -> str:
    """An integer and what is counted, in the plural unless it is one: ``1 epoch``, ``6 epochs``."""
    return f"{count(value)} {noun}" if value == 1 else f"{count(value)} {noun}s"


def percent(share: Any, places: int | None = None) -> str:
    """A share in [0, 1] as a percentage: ``66.0 %``.

    Without ``places`` it has one decimal, and more where it is nearly 0 or nearly 1.
    """
    if missing(share):
        return NOTHING
    share = float(share)
    if places is not None:
        return f"{share * 100:.{places}f} %"
    edge = min(share, 1 - share)
    edge = 0.0 if edge < LEAST_SHARE else edge
    digits = 2 if share < 0.5 else 1
    places = digits - 1 - math.floor(math.log10(edge * 100)) if 0 < edge < 0.001 else 1
    places = min(6, places)
    written = f"{share * 100:.{places}f}"
    return f"{written.removesuffix('.0') if edge <= 0 else written} %"


def share_interval(low: Any, high: Any, unit: str, places: int | None = None) -> str:
    """``95 % CI 54 % to 77 %`` of a share; where undefined, that one ``unit`` gives no interval."""
    if missing(low):
        return f"of one {unit} no interval can be given"
    return f"95 % CI {percent(low, places)} to {percent(high, places)}"


def power_of_ten(exponent: int) -> str:
    """A power of ten as it is printed: ``10⁻¹²⁵⁸``."""
    return f"10{str(exponent).translate(RAISED)}"


def from_log10(value: Any) -> str:
    """A number given by its log10: ``18,000``; from 10⁹ on, and to 10⁻⁶, a power of ten."""
    if missing(value):
        return NOTHING
    if -6 < value < 9:
        return plain(float(f"{10**value:.1e}"), 2)
    return power_of_ten(round(value)) if math.isfinite(value) else "0"


def exponent(value: Any) -> str:
    """A log10 as it stands above the ten, with a decimal: ``−609.5``."""
    if missing(value):
        return NOTHING
    if math.isinf(value):
        return "−∞"
    return (f"{value:.1f}" if abs(value) >= 10 else plain(value)).replace("-", "−")


def exponent_above(value: Any) -> str:
    """A log10 that is an upper bound, rounded up so that it remains one: ``−1,191.8``."""
    return _exponent_rounded(value, math.ceil)


def exponent_below(value: Any) -> str:
    """A log10 that is a lower bound, rounded down so that it remains one: ``−1,191.9``."""
    return _exponent_rounded(value, math.floor)


def _exponent_rounded(value: Any, to_whole: Callable[[float], int]) -> str:
    """A log10 with one decimal, whose tenths ``to_whole`` rounds."""
    if missing(value) or math.isinf(value):
        return exponent(value)
    return f"{to_whole(10 * value) / 10:,.1f}".replace("-", "−")


def vague(low: Any, high: Any) -> bool:
    """Whether the ends of an interval of a dimension are a factor of 10 or more apart.

    It then says little more than the order of magnitude, and an estimate beside it would mislead;
    unless it says that the dimension is small, at most 2.
    """
    return not missing(low) and not missing(high) and high > 2 and high >= 10 * low


def is_lower_limit(warnings: Any) -> bool:
    """Whether the warnings of a dimension say that the rows are too few for more than a limit."""
    return isinstance(warnings, str) and LOWER_LIMIT in warnings


def points(difference: Any) -> str:
    """A difference of two shares in percentage points, with its sign: ``+5.0``."""
    return f"{100 * float(difference):+.1f}".replace("-", "−")


def points_with_interval(difference: Any, low: Any, high: Any) -> str:
    """A difference of two shares with its interval: ``+5.0 points [+0.5, +9.5]``.

    Where there is none: ``+5.0 points, without an interval``.
    """
    if missing(low) or missing(high):
        return f"{points(difference)} points, without an interval"
    return f"{points(difference)} points [{points(low)}, {points(high)}]"


def listed(words: Sequence[str]) -> str:
    """Words as a sentence lists them: ``2, 8 and 32``."""
    *before, last = words
    return f"{', '.join(before)} and {last}" if before else last


def text(value: Any) -> str:
    """The text of a value in a table, unformatted."""
    return NOTHING if missing(value) else str(value)
