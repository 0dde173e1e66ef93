"""Decodes a generated corpus of image files and compares each to its pixels in floating point.

    scripts/bench/image_corpus.py [N] [SEED]

Prints how many files were decoded within one grey level of 255, how many were refused in one
sentence, and every file that was neither; exits with 1 if there is one.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
from measuring import peak_memory

from repviz.errors import ImageError
from repviz.images.decoding import decode

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from image_corpus import corpus

n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
outcomes: Counter[str] = Counter()
reasons: Counter[str] = Counter()
for case in corpus(n, seed):
    form = case.kind.split()[0]
    try:
        pixels = decode(case.data, "file")
    except ImageError as error:
        outcomes[f"{form} refused"] += 1
        reasons[str(error)] += 1
        continue
    error = np.abs(pixels - case.expected).max() if pixels.shape == case.expected.shape else np.inf
    outcomes[f"{form} decoded" if error <= 1 else "WRONG"] += 1
    if error > 1:
        print(f"wrong by {error:g}: {case.kind}, {pixels.shape} for {case.expected.shape}")
print(f"{n} files, seed {seed}: {dict(sorted(outcomes.items()))}")
for reason, count in reasons.items():
    print(f"refused {count} times: {reason}")
print(f"peak memory: {peak_memory() / 1024:.2f} GiB")
sys.exit(outcomes["WRONG"] > 0)
