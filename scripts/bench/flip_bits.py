#!/usr/bin/env python
"""Single bits flipped, files cut short, deleted and swapped; what `repviz verify` says of each.

    scripts/bench/flip_bits.py [--flips 3000] [--others 600] [--seed 0] [--work FOLDER]

Over activations, a study of each kind, a checkpoint and exported files. After each piece of damage
the files are verified, every value in them is read, and a study's report is written (one time in
three where a table or the manifest was hit, which reports read; else one time in thirty, since
drawing takes seconds). Checked: `verify` refuses and names the file, or no value has changed;
nothing ends in a traceback. Prints the counts, and exits with 1 if there was a fault. With --work
the files are made in that folder and used again next time.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

from measuring import parser
from torch import nn

import repviz

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import damage
from damage import Artefact

FACES = {"size": 16, "bottlenecks": [2], "epochs": 1, "samples": 100}
OTHERS = (damage.TRUNCATION, damage.DELETION, damage.SWAP)


def artefacts(work: Path) -> list[Artefact]:
    """Everything that is damaged, made in ``work`` where it is not there yet."""
    images = repviz.open_images("drawn-faces:60")
    network = nn.Sequential(nn.Conv2d(3, 4, 5, 4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 55**2, 8))
    for seed in (0, 1):
        acts = repviz.extract(
            repviz.open_model("autoencoder", form="conv", size=32, bottleneck=3, seed=seed),
            images,
            layers=["encoder.0", "code"],
            reduce={"encoder.0": "pca:3", "code": "none"},
            out=work / f"store-{seed}",
            batch=8,
        )
        repviz.neighbors(acts["code"], k=5, cache=acts["code"].graphs)
        repviz.sweep(
            repviz.open_images("digits", limit=60),
            bottlenecks=[2, 4],
            engines=["linear-start"],
            out=work / f"sweep-{seed}",
            seed=seed,
        )
    repviz.study("faces", images, out=work / "faces", **FACES)
    repviz.study("layers", images, out=work / "layers", layers=["pool1", "fc6"])
    if not (work / "network").is_dir():  # random weights: another time they are others
        repviz.study("network", images, out=work / "network", model=network, units=1)
    sweep = repviz.open_study(work / "sweep-0")
    exported, script, rows = work / "encoder.safetensors", work / "encoder.pt", work / "code.npy"
    if not rows.exists():
        repviz.export_encoder(sweep, exported, bottleneck=2)
        repviz.export_encoder(sweep, script, bottleneck=2, format="torchscript")
        repviz.export(repviz.open_activations(work / "store-0"), "code", rows, format="npy")
    checkpoint = work / "sweep-0" / "models" / "linear-start-2.safetensors"
    alone = work / "checkpoint.safetensors"
    alone.write_bytes(checkpoint.read_bytes())
    return [
        Artefact("store", work / "store-0", damage.read_store, work / "store-1"),
        Artefact("sweep", work / "sweep-0", damage.read_study, work / "sweep-1"),
        Artefact("faces", work / "faces", damage.read_study, work / "layers"),
        Artefact("layers", work / "layers", damage.read_study, work / "faces"),
        Artefact("network", work / "network", damage.read_study, work / "layers"),
        Artefact("checkpoint", alone, damage.read_model),
        Artefact("encoder", exported, damage.read_model),
        Artefact("torchscript", script, damage.read_files),
        Artefact("export", rows, damage.read_files),
    ]


def main() -> int:
    """Print the counts; 1 if there was a fault, else 0."""
    options = parser(__doc__)
    options.add_argument("--flips", type=int, default=3000)
    options.add_argument("--others", type=int, default=600)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--work", type=Path)
    given = options.parse_args()
    warnings.simplefilter("ignore")
    work = given.work or Path(tempfile.mkdtemp(prefix="repviz-flip-"))
    victims = artefacts(work)
    before = {victim.name: victim.read(victim.path) for victim in victims}
    rng, start = random.Random(given.seed), time.perf_counter()
    counts: Counter[tuple[str, str, str]] = Counter()
    reports, faults = 0, []
    for turn in range(given.flips + given.others):
        victim = victims[turn % len(victims)]
        kind = damage.FLIP if turn < given.flips else OTHERS[turn // len(victims) % len(OTHERS)]
        with damage.damaged(victim, kind, rng) as file:
            if file is None:
                continue
            drawn = victim.path.is_dir() and victim.name != "store"
            read = file.parent.name == "results" or file.parent == victim.path
            chosen = drawn and rng.random() < (1 / 3 if read else 1 / 30)
            report = work / "report.html" if chosen else None
            reports += report is not None
            outcome = damage.judge(victim, kind, file, before[victim.name], report)
        counts[outcome.damage, outcome.artefact, outcome.verdict] += 1
        if not outcome.good:
            faults.append(outcome)
            print(outcome, flush=True)
    for (kind, name, verdict), count in sorted(counts.items()):
        print(f"{kind:11}{name:12}{verdict:12}{count:6}")
    for kind in (damage.FLIP, *OTHERS):
        verdicts: Counter[str] = Counter()
        for (one, _, verdict), count in counts.items():
            verdicts[verdict] += count * (one == kind)
        print(f"{kind}: {sum(verdicts.values())}, {dict(sorted(verdicts.items()))}")
    took = time.perf_counter() - start
    print(f"seed {given.seed}; {reports} reports; {len(faults)} faults; {took:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
