"""Two processes under torchrun beside one: losses of ten steps, and the evaluation's figures.

    python scripts/bench/two_processes.py

AlexNet without dropout on 40 AT&T faces; a step sees all of its 28 training images, so that a row
of the table is a step. The rate is low: at a high one training itself makes the last bits, in which
any two orders of summation differ, grow from step to step.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: others may use the processor

import numpy as np
import pandas as pd
from torch import nn

import repviz
from repviz.training.machine import Machine
from repviz.training.recipes import recipe_settings

STEPS = 10


def train(out: Path) -> None:
    """Ten steps, then the evaluation; the first process writes both tables."""
    images = repviz.open_images("orl")
    images = images.take(np.flatnonzero(np.isin(images.labels, ["s1", "s2", "s3", "s4"])))
    model = repviz.open_model("alexnet", classes=4)
    for part in model.module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    rows = repviz.split(images, (0.7, 0.3))
    settings = recipe_settings("labels", learning_rate=2e-4)
    made = repviz.train(
        model, images, held_out=rows, epochs=STEPS, batch=len(rows[0]), recipe=settings
    )
    judged = repviz.evaluate(made.model, images, rows=rows[1], seen=True)
    if Machine().process == 0:
        made.table.to_csv(out / "training.csv", index=False)
        judged.table.to_csv(out / "evaluation.csv", index=False)


def main() -> None:
    """Run both and print how far they are apart."""
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for processes in (1, 2):
            out = Path(folder) / str(processes)
            out.mkdir()
            launch = [
                sys.executable,
                "-m",
                "torch.distributed.run",
                f"--nproc-per-node={processes}",
            ]
            env = os.environ | {"OMP_NUM_THREADS": "1"}
            subprocess.run([*launch, __file__, str(out)], check=True, env=env)
            found[processes] = [
                pd.read_csv(out / f"{name}.csv") for name in ("training", "evaluation")
            ]
    (one, judged_one), (two, judged_two) = found[1], found[2]
    apart = np.abs(two["train_loss"] / one["train_loss"] - 1).max()
    print(pd.DataFrame({"one": one["train_loss"], "two": two["train_loss"]}).to_string())
    print(f"losses of {STEPS} steps differ by at most {apart:.1e} (relative)")
    columns = ["accuracy", "right", "n"]
    print(f"one process: {judged_one[columns].to_dict('records')[0]}")
    print(f"two processes: {judged_two[columns].to_dict('records')[0]}")


if __name__ == "__main__":
    train(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
