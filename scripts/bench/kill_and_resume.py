"""AlexNet's training killed with -9 at random moments and resumed, beside an unbroken one.

    python scripts/bench/kill_and_resume.py [SEED]

Both end with the same weights, bit by bit: order, dropout and augmentation included.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import repviz
from repviz.models.checkpoints import read_card

KILLS, STEPS = 2, 14  # 56 training images in batches of 8, twice


def command(out: Path) -> list[str]:
    """What trains AlexNet in a process of its own, and keeps the state every second."""
    code = (
        "import repviz; from repviz.training.recipes import recipe_settings; "
        "images = repviz.open_images('orl', limit=80); "
        "model = repviz.open_model('alexnet', classes=len(images.classes)); "
        "settings = recipe_settings('labels', augment='crop,flip,colour,noise', save_every=1.0); "
        f"repviz.train(model, images, out={str(out)!r}, epochs=2, batch=8, recipe=settings)"
    )
    return [sys.executable, "-c", code]


def kept(path: Path) -> int:
    """The step that the checkpoint is at; 0 without one."""
    return int(read_card(path)["training"]["state"]["step"]) if path.exists() else 0


def main(seed: int = 0) -> None:
    """Train both, and print the hashes of their weights."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder) / "whole.safetensors", Path(folder) / "broken.safetensors"
        subprocess.run(command(whole), check=True)
        for wanted in sorted(chance.sample(range(1, STEPS - 1), KILLS)):
            process = subprocess.Popen(command(broken))
            while kept(broken) < wanted and process.poll() is None:
                time.sleep(0.05)
            time.sleep(chance.uniform(0, 2))  # somewhere within the next steps, or while it saves
            process.kill()
            process.wait()
            print(f"killed; kept: step {kept(broken)} of {STEPS}")
        subprocess.run(command(broken), check=True)
        hashes = [read_card(path)["weights_hash"] for path in (whole, broken)]
        repviz.open_checkpoint(str(broken))  # the weights are those that the hash is of
    print(f"unbroken: {hashes[0]}\nresumed:  {hashes[1]}")
    print("bit-identical" if hashes[0] == hashes[1] else "DIFFERENT")
    raise SystemExit(hashes[0] != hashes[1])


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:]))
