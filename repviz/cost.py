"""What a long job will take, before it starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """An estimate, within a factor of about two where other programs leave the machine alone.

    Attributes
    ----------
    disk, memory : float
        Bytes: the most at any time.
    seconds : float
        Wall time.
    """

    disk: float
    memory: float
    seconds: float

    def __str__(self) -> str:
        wait = f"{self.seconds:.0f} s" if self.seconds < 120 else f"{self.seconds / 60:.0f} minutes"
        return f"about {written(self.disk)} of disk, {written(self.memory)} of memory and {wait}"


def written(count: float) -> str:
    """A number of bytes, as a sentence writes it."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"
