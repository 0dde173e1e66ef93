"""AlexNet from scratch on 4,000 images of ten kinds: top-1 on the 1,000 that came with them.

    python scripts/bench/alexnet_imagenette.py FOLDER OUT [EPOCHS]

FOLDER holds train/ and val/, a sub-folder a kind; OUT is the checkpoint. Killed, it goes on where
it was when it is started again. The validation images choose nothing: the rate follows a fixed
curve, and the figure is that of the last epoch.
"""

from __future__ import annotations

import os
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: this may share its processor

import repviz
from repviz import progress
from repviz.images.concatenation import concatenate
from repviz.training import Settings
from repviz.training.settings import parse_augmentations


class Log:
    """Progress as lines of a log file."""

    def task(self, label, total, unit):
        """Say how far it is now and then."""
        from contextlib import contextmanager

        @contextmanager
        def lines():
            done, said, start = 0, 0.0, time.monotonic()

            def advance(more):
                nonlocal done, said
                done += more
                if time.monotonic() - said > 30:
                    said = time.monotonic()
                    print(f"{label}: {done} of {total} {unit}, {said - start:.0f} s", flush=True)

            yield advance

        return lines()

    def say(self, sentence):
        """Print it."""
        print(sentence, flush=True)


def main(folder: str, out: str, epochs: int = 20) -> None:
    """Train, or go on; print a row an epoch."""
    images, rows = concatenate(
        repviz.open_images(f"folder:{folder}/train"), repviz.open_images(f"folder:{folder}/val")
    )
    settings = Settings(
        epochs=epochs,
        batch=64,
        learning_rate=8e-4,
        augment=parse_augmentations("crop,flip"),
        precision="auto",
    )
    model = repviz.open_model("alexnet", variant="paper", classes=len(images.classes))
    with progress.shown_by(Log()):
        made = repviz.train(model, images, out=out, held_out=rows, recipe=settings)
    print(made.table.to_string(index=False))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *(int(text) for text in sys.argv[3:]))
