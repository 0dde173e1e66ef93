"""Named streams: each purpose has numbers of its own, and they never change."""

import numpy as np
import pytest

from repviz.references import resolve
from repviz.streams import stream, stream_seed


def test_a_stream_is_pinned():
    # printf "(3, 'ladder')" | b2sum -l 64 gives 52d997f33218e56a, read little-endian and halved.
    assert (
        stream_seed(3, "ladder") == int.from_bytes(bytes.fromhex("52d997f33218e56a"), "little") // 2
    )


@pytest.mark.parametrize(
    "other", [(3, "probe"), (4, "ladder"), (3, "ladder", "x"), ("3", "ladder")]
)
def test_other_names_are_other_streams(other):
    assert not np.array_equal(stream(*other).random(8), stream(3, "ladder").random(8))


def test_equal_names_are_equal_streams():
    assert np.array_equal(stream(3, "ladder", 1).random(8), stream(3, "ladder", 1).random(8))


def test_a_reference_is_resolved_when_it_is_used():
    assert resolve("repviz.streams:stream") is stream
