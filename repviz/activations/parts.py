"""Distributing one extraction over several jobs, each of which computes some of the shards."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repviz import checks, durable
from repviz.activations import layout
from repviz.errors import InputError, Mismatch
from repviz.locking import locked_file

AUTO = "auto"
MOST_PARTS = 100_000
SLURM = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT")
RANKS = ("RANK", "WORLD_SIZE")


@dataclass(frozen=True)
class Part:
    """The shards that one job computes: those whose number modulo ``size`` is ``rank``.

    Attributes
    ----------
    rank : int
        Which job, from 0 to ``size`` - 1.
    size : int
        How many jobs there are.
    """

    rank: int = 0
    size: int = 1

    def __contains__(self, shard: int) -> bool:
        return shard % self.size == self.rank


def get_part(part: Any) -> Part | None:
    """The ``part`` argument of an extraction as a :class:`Part`; None where it is None.

    ``"auto"`` reads rank and size from the environment of torchrun or of a SLURM job array.

    Raises
    ------
    InputError
        It is neither, the rank is not below the size, or ``"auto"`` and the environment names no
        part, or two.
    """
    if part is None or isinstance(part, Part):
        return part
    if isinstance(part, str) and part == AUTO:
        return _from_environment(os.environ)
    if not isinstance(part, tuple | list) or len(part) != 2:
        raise InputError(
            f"extract: part must be a rank and the number of parts, or 'auto', got {part!r}. For "
            "example: part=(0, 4) (--rank 0 --of 4)."
        )
    size = checks.integer("extract", "the number of parts", part[1], low=1, high=MOST_PARTS)
    return Part(checks.integer("extract", "the rank", part[0], low=0, high=size - 1), size)


def _from_environment(variables: Mapping[str, str]) -> Part:
    """Rank and size from the variables that torchrun or a SLURM job array sets."""
    given = [names for names in (SLURM, RANKS) if all(name in variables for name in names)]
    if len(given) != 1:
        got = " and ".join(" and ".join(names) for names in given) or "none of them"
        raise InputError(
            f"extract: with 'auto', either {' and '.join(RANKS)} or {' and '.join(SLURM)} must be "
            f"in the environment, got {got}. Give the part: --rank 0 --of 4."
        )
    names = given[0]
    try:
        rank, size = (int(variables[name]) for name in names)
        if names == SLURM:
            low, high, step = (
                int(variables.get(f"SLURM_ARRAY_TASK_{name}", value))
                for name, value in (("MIN", 0), ("MAX", size - 1), ("STEP", 1))
            )
            rank, uneven = divmod(rank - low, step)
            if uneven or (high - low) // step + 1 != size:
                raise ValueError
        return get_part((rank, size)) or Part()
    except (ValueError, ZeroDivisionError):
        got = ", ".join(f"{name}={variables[name]}" for name in names)
        raise InputError(
            f"extract: the environment must number the parts evenly, got {got}. Give the part: "
            "--rank 0 --of 4."
        ) from None


@contextmanager
def claimed(path: Path, part: Part | None) -> Iterator[None]:
    """Lock a part of the extraction in ``path``, so that no other process computes it meanwhile.

    The number of parts is kept on disk, so that a reader can say whose shards are missing.

    Raises
    ------
    Mismatch
        The extraction is divided into another number of parts.
    StoreError
        Another process computes this part.
    """
    if part is None:
        yield
        return
    record = layout.parts_path(path)
    with locked_file(record.with_name(f"part-{part.rank}-of-{part.size}")):
        with locked_file(record, wait=True):
            size = durable.read_record(record).get("of") if record.is_file() else None
            if size is None:
                durable.write_record(record, {"of": part.size})
            elif size != part.size:
                raise Mismatch(
                    f"{path}: this extraction is divided into {size} parts, got {part.size}. Give "
                    f"--of {size}; to divide it anew, end all its jobs and delete {record}."
                )
        yield
