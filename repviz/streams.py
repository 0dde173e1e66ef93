"""Named streams of random numbers: adding a stage or a sampler changes no other stream."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SEED_LIMIT = 2**32 - 1  # the largest ``seed`` that any function takes; the smallest is 0


def stream_seed(*names: object) -> int:
    """A seed from 0 to 2**63 - 1, a hash of ``names``: equal names give equal seeds."""
    digest = hashlib.blake2b(repr(names).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def stream(seed: int, *names: object) -> np.random.Generator:
    """The random generator of one purpose: ``stream(seed, "ladder", "uniform-pixels")``.

    Parameters
    ----------
    seed : int
        The user's, from 0 to :data:`SEED_LIMIT`.
    *names : object
        What the numbers are for; values with a stable ``repr``, such as str, int and tuple.
    """
    import numpy as np

    return np.random.default_rng(stream_seed(seed, *names))
