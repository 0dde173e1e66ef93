"""An upper bound on the number of people that a code tells apart: the ratio of two caps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks, intervals
from repviz.errors import InputError
from repviz.facespace.splitting import LN10
from repviz.streams import stream

if TYPE_CHECKING:
    import pandas as pd

# Boddeti et al. 2023, abstract: StyleGAN3's images in ArcFace's 512 dimensions, by rate.
STYLEGAN3 = {0.1: 562.0, 0.01: 1.796e4, 0.001: 1.43e6}
RATES = tuple(STYLEGAN3)
RESOLVED = 30  # pairs that a rate must accept, the rule of 30
FEWEST = 5  # people
SPANNED = 0.95  # quantile of the angles to the farthest image
DRAWS = 500  # bootstrap samples
SAME_DIRECTION = 1 - 1e-12  # cosine from which two directions are one


def capacity(
    codes: Any,
    people: Any,
    *,
    centre: Any = None,
    dimension: tuple[float, float, float] | None = None,
    false_accept_rates: Sequence[float] = RATES,
    seed: int = 0,
) -> pd.DataFrame:
    """How many people the sphere of a code's directions holds at most, by false-accept rate.

    Two images are taken for one person where the angle between their codes, seen from ``centre``,
    is at most a threshold: the one at which the stated share of the pairs of different people is
    accepted. One person then occupies a cap of that angle, all images one whose angle is theirs and
    half a threshold more, and the capacity is the ratio of the areas of the two. It is the number
    of caps that fit if they neither overlap nor leave gaps: an upper bound of people all of whose
    images fill their caps. Where few images of a person match, their caps hold little of them.

    Parameters
    ----------
    codes : array_like, shape (n, k)
        One code per image, of people on whom the encoder was not trained. All pairs are compared:
        memory of 40 n^2 bytes.
    people : array_like, shape (n,)
        Whom each shows; at least 5.
    centre : array_like, shape (k,), optional
        What directions start from, best the mean code of other people; the mean of ``codes`` if
        None, from which few people look farther apart than others would.
    dimension : (float, float, float), optional
        Intrinsic dimension of the codes with the ends of its interval, each at least 1.
    false_accept_rates : sequence of float
        Shares of the pairs of different people, in (0, 1).
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    DataFrame
        One row per rate: false_accept_rate; resolved (whether it accepts 30 pairs or more; where it
        does not, nothing is estimated: NaN); pairs (of different people), accepted (those that the
        threshold accepts); threshold, span (angles in degrees, of one person's cap and of that of
        all images: half of the 95 % quantile of the angles to the farthest image);
        genuine_pairs, genuine_share (share of the pairs of one person that the threshold accepts);
        d (k), log10_capacity (at least 0); intrinsic_d, log10_intrinsic (the same in the intrinsic
        dimension); log10_even (of 1 / rate: the capacity of directions evenly spread over the
        sphere), log10_stylegan3 (the published figure, NaN at other rates); random_people (the
        number drawn at random of whom one pair is expected to be confused); n, groups (people),
        seed. ``X_low``, ``X_high`` are 95 % intervals: of angles and capacities Student's, with the
        standard error of a bootstrap of whole people; log10_intrinsic's also holds the interval of
        the dimension; genuine_share's is clustered by person, at this threshold.

    Raises
    ------
    InputError
        There are fewer than 5 people, a code lies at the centre, or an argument is out of range.

    References
    ----------
    Boddeti, Sreekumar & Ross 2023, "On the Biometric Capacity of Generative Face Models" (IJCB,
    arXiv 2308.02065), and their code. Of generators without identities they take half the threshold
    of 0.1 % of another data set, and half that of the rate, for one person's angle; ours is the
    threshold of the rate, of the same images. Caps beyond a hemisphere have their area here,
    1 - I / 2. They use codes as they are, without a centre, the nominal dimension alone, and give
    no interval. Doddington et al. 2000, Speech Communication 31, for the rule of 30.
    """
    import pandas as pd

    who = "capacity"
    codes = checks.matrix(who, codes, rows=FEWEST, columns=2).astype(np.float64)
    people = checks.labels(who, "people", people, len(codes))
    seed = checks.seed(who, seed)
    rates = [
        checks.real(who, "false_accept_rates", rate, low=1e-9, high=0.999)
        for rate in checks.as_list(false_accept_rates)
    ]
    dimension = None if dimension is None else _dimension(who, dimension)
    pairs = _Pairs(_directions(who, codes, centre), people)
    if pairs.people < FEWEST:
        raise InputError(
            f"{who}: codes of at least {FEWEST} people must be given, got {pairs.people}. "
            "Use images of more people."
        )
    rng = stream(seed, who, "people")
    even = np.full(pairs.people, 1 / pairs.people)
    weights = rng.multinomial(pairs.people, even, size=DRAWS)
    weights = weights[(weights > 0).sum(axis=1) > 1]  # one person alone has no pairs
    weights = np.vstack([np.ones((1, pairs.people), dtype=weights.dtype), weights])
    cosines = np.array([pairs.thresholds(one, rates) for one in weights])
    spans = np.array([pairs.span(one) for one in weights])
    rows = []
    for place, rate in enumerate(rates):
        cosine = cosines[0, place]
        resolved = rate * len(pairs.cosines) >= RESOLVED and cosine < SAME_DIRECTION
        # One person's angle and that of all images: the estimate, then its bootstrap samples.
        caps = np.stack([np.arccos(cosines[:, place]), spans], axis=1)
        caps = caps if resolved else np.full_like(caps, np.nan)
        rows.append(
            {
                "false_accept_rate": rate,
                "resolved": resolved,
                "pairs": len(pairs.cosines),
                "accepted": int((pairs.cosines >= cosine).sum()) if resolved else np.nan,
                **_with_interval("threshold", np.degrees(caps[:, 0]), pairs.people),
                **_with_interval("span", np.degrees(caps[:, 1]), pairs.people),
                **pairs.genuine(cosine if resolved else np.nan),
                **_capacities(caps, codes.shape[1], dimension, pairs.people),
                "log10_even": -np.log10(rate),
                "log10_stylegan3": np.log10(STYLEGAN3.get(rate, np.nan)),
                "random_people": int(np.ceil((1 + np.sqrt(1 + 8 / rate)) / 2)),
                "n": len(codes),
                "groups": pairs.people,
                "seed": seed,
            }
        )
    return pd.DataFrame(rows)


def log_cap_share(angle: Any, d: float) -> np.ndarray:
    """Natural logarithm of the share of a sphere in d dimensions that a cap covers.

    The regularised incomplete beta function I_{sin^2 angle}((d - 1) / 2, 1 / 2) / 2 up to the
    hemisphere, 1 minus that of the rest beyond. Where it underflows, its series takes over.

    Parameters
    ----------
    angle : array_like
        From the middle of the cap to its edge, in radians, 0 to pi.
    d : float
        Dimension of the space, at least 1; that of the sphere is one less.

    References
    ----------
    Li 2011, Asian Journal of Mathematics and Statistics 4:66-70, for the area; DLMF 8.17.8 for
    the series.
    """
    from scipy.special import betainc, betaln

    angle = np.asarray(angle, dtype=np.float64)
    a = max((d - 1) / 2, 1e-9)
    x = np.square(np.sin(angle))
    share = betainc(a, 0.5, x)
    with np.errstate(divide="ignore"):
        log = np.asarray(np.log(share))
        tiny = (share < 1e-290) & (x > 0)
        if tiny.any():
            x = np.where(tiny, x, 0.0)
            term = total = np.ones_like(x)
            step = 0
            while (term > 1e-17 * total).any():
                term = term * x * (a + 0.5 + step) / (a + 1 + step)
                total, step = total + term, step + 1
            series = a * np.log(x) + np.log1p(-x) / 2 + np.log(total) - np.log(a) - betaln(a, 0.5)
            log = np.where(tiny, series, log)
    log = log - np.log(2)
    return np.where(angle <= np.pi / 2, log, np.log1p(-np.exp(log)))


class _Pairs:
    """The cosines of all pairs of images, of different people and of the same person."""

    def __init__(self, directions: np.ndarray, people: np.ndarray) -> None:
        names, member = np.unique(people, return_inverse=True)
        order = np.argsort(member, kind="stable")
        directions, self.member = directions[order], member[order]
        self.people, self.sizes = len(names), np.bincount(member).astype(float)
        cosines = np.clip(directions @ directions.T, -1, 1)
        starts = np.searchsorted(self.member, np.arange(self.people))
        self.farthest = np.minimum.reduceat(cosines, starts, axis=0)  # (people, n)
        first, second = np.triu_indices(len(directions), 1)
        cosines, one, other = cosines[first, second], self.member[first], self.member[second]
        self.own, self.own_member = cosines[one == other], one[one == other]
        apart = np.flatnonzero(one != other)
        apart = apart[np.argsort(-cosines[apart], kind="stable")]
        self.cosines, self.one, self.other = cosines[apart], one[apart], other[apart]

    def thresholds(self, weights: np.ndarray, rates: Sequence[float]) -> np.ndarray:
        """The cosine threshold at which each given share of the impostor pairs is accepted.

        Person i counts ``weights[i]`` times; two copies of one person make no pair.
        """
        counted = weights * self.sizes
        total = (counted.sum() ** 2 - np.square(counted).sum()) / 2
        wanted = np.asarray(rates) * total * (1 + 1e-12)
        tail = int(2 * max(rates) * len(self.cosines))  # nearly always enough
        for reach in (tail, len(self.cosines)):
            own = weights[self.one[:reach]] * weights[self.other[:reach]]
            there = np.flatnonzero(own)
            cumulative = np.cumsum(own[there])
            if len(there) and cumulative[-1] >= wanted.max():
                break
        places = np.searchsorted(cumulative, wanted, side="right") - 1
        return np.minimum(self.cosines[there[np.maximum(places, 0)]], SAME_DIRECTION)

    def span(self, weights: np.ndarray) -> float:
        """Half of the 95 % quantile of the angles to the farthest image, in radians."""
        farthest = np.arccos(self.farthest[weights > 0].min(axis=0))
        counted = np.repeat(farthest, weights[self.member].astype(int))
        return float(np.quantile(counted, SPANNED) / 2)

    def genuine(self, threshold: float) -> dict[str, float]:
        """The share of genuine pairs (of one person) that a threshold accepts, as table columns."""
        known = len(self.own) > 0 and threshold == threshold
        hits = self.own >= threshold
        low, high = intervals.share_of_groups(hits, self.own_member) if known else (np.nan,) * 2
        return {
            "genuine_pairs": len(self.own),
            "genuine_share": float(hits.mean()) if known else np.nan,
            "genuine_share_low": low,
            "genuine_share_high": high,
        }


def _directions(who: str, codes: np.ndarray, centre: Any) -> np.ndarray:
    """Each code's direction from the centre, as unit vectors (n, k)."""
    if centre is None:
        centre = codes.mean(axis=0)
    centre = np.asarray(centre, dtype=np.float64)
    if centre.shape != codes.shape[1:]:
        raise InputError(
            f"{who}: centre must have shape {codes.shape[1:]}, got {centre.shape}. Give the mean "
            "code: codes.mean(axis=0)."
        )
    codes = codes - centre
    lengths = np.linalg.norm(codes, axis=1, keepdims=True)
    none = np.flatnonzero(lengths[:, 0] <= 1e-9 * lengths.max())
    if len(none):
        raise InputError(
            f"{who}: no code may lie at the centre, where it has no direction, got {len(none)} of "
            f"{len(codes)}, first in row {none[0]}. Leave those rows out."
        )
    return np.asarray(codes / lengths)


def _dimension(who: str, dimension: Any) -> tuple[float, float, float]:
    value, low, high = (
        checks.real(who, "dimension", one, low=1, high=1e6) for one in checks.as_list(dimension)
    )
    return value, low, high


def _capacities(
    caps: np.ndarray, k: int, dimension: tuple[float, float, float] | None, people: int
) -> dict[str, float]:
    """Capacities in all k dimensions and in the intrinsic one, as table columns.

    ``caps`` (1 + samples, 2) holds one person's angle and that of all images, the estimate first.
    """
    nominal = _with_interval("log10_capacity", _log10(caps, k), people)
    intrinsic = dimension or (np.nan, np.nan, np.nan)
    ends = [_with_interval("log10_intrinsic", _log10(caps, d), people) for d in intrinsic]
    low = min(end["log10_intrinsic_low"] for end in ends)
    high = max(end["log10_intrinsic_high"] for end in ends)
    names = ("intrinsic_d", "intrinsic_d_low", "intrinsic_d_high")
    held = nominal | ends[0] | {"log10_intrinsic_low": low, "log10_intrinsic_high": high}
    return {
        "d": k,
        **dict(zip(names, intrinsic, strict=True)),
        # There is one person at least; NaN stays NaN.
        **{name: float(np.maximum(0.0, log10)) for name, log10 in held.items()},
    }


def _log10(caps: np.ndarray, d: float) -> np.ndarray:
    """log10 of the ratio of the cap of all images to that of one person, (1 + samples,)."""
    if d != d:
        return np.full(len(caps), np.nan)
    threshold, span = caps.T
    whole = np.minimum(np.pi, span + threshold / 2)
    return np.asarray((log_cap_share(whole, d) - log_cap_share(threshold, d)) / LN10)


def _with_interval(name: str, values: np.ndarray, people: int) -> dict[str, float]:
    """An estimate, then its bootstrap samples, as it and Student's interval: table columns."""
    from scipy.stats import t

    value = float(values[0])
    reach = float(t.ppf(0.975, people - 1) * np.std(values[1:], ddof=1))
    return {name: value, f"{name}_low": value - reach, f"{name}_high": value + reach}
