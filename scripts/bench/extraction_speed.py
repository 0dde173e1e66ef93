#!/usr/bin/env python
"""JPEG files to stored layers of AlexNet: repviz, the bare forward pass, and what others offer.

    scripts/bench/extraction_speed.py [--n 1000] [--batch 32] [--rounds 3] [--images FOLDER]

Nine layers of torchvision's AlexNet at 224: the mean over space of the convolutions, the others
complete. Every side reads the same files (500 x 375, drawn here, without --images), resizes, crops
and normalises, runs the same weights and writes its layers to disk; ours also hashes what it reads
and writes. The bare pass is a floor: its inputs are tensors that were decoded beforehand, and it
stores nothing. Loaders have one worker process per core.
"""

from __future__ import annotations

import os
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arms import Arm, Workload, main
from measuring import draw_jpegs
from PIL import Image
from torchvision import models, transforms

MEAN, STD, SIDE = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 224
CONVOLUTIONS = [f"features.{i}" for i in (0, 3, 6, 8, 10)]
COMPLETE = ["features.12", "classifier.1", "classifier.4", "classifier.6"]
LAYERS = CONVOLUTIONS + COMPLETE
STEPS = transforms.Compose(
    [
        transforms.Resize(SIDE),
        transforms.CenterCrop(SIDE),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]
)


class Files(torch.utils.data.Dataset):
    """The inputs of the network, decoded by PIL and prepared by torchvision."""

    def __init__(self, given: Namespace, n: int) -> None:
        self.files = sorted(pictures(given).iterdir())[:n]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> torch.Tensor:
        return STEPS(Image.open(self.files[row]).convert("RGB"))


def loader(given: Namespace, n: int) -> torch.utils.data.DataLoader:
    """Batches of them, from worker processes."""
    return torch.utils.data.DataLoader(Files(given, n), given.batch, num_workers=os.cpu_count())


def prepare(given: Namespace) -> None:
    """The files, and one set of weights for all."""
    if given.images is None:
        draw_jpegs(pictures(given), given.n or TASK.n, 500, 375)
    torch.manual_seed(0)
    torch.save(models.alexnet().state_dict(), given.work / "alexnet.pth")


def pictures(given: Namespace) -> Path:
    """The folder of the files."""
    return given.images or given.work / "jpegs"


def network(given: Namespace) -> torch.nn.Module:
    """Torchvision's AlexNet, whose ReLUs overwrite nothing that a hook was given."""
    net = models.alexnet()
    net.load_state_dict(torch.load(given.work / "alexnet.pth"))
    for part in net.modules():
        if isinstance(part, torch.nn.ReLU):
            part.inplace = False
    return net.eval()


def reduced(name: str, y: torch.Tensor) -> np.ndarray:
    """The mean over space of a convolution; any other layer complete."""
    return (y.mean((2, 3)) if name in CONVOLUTIONS else y.flatten(1)).numpy()


def saved(parts: dict[str, list[np.ndarray]], given: Namespace) -> dict[str, float]:
    """Write one file per layer; the mean size of the numbers in the deepest."""
    for name, blocks in parts.items():
        np.save(given.work / f"{name}.npy", np.concatenate(blocks))
    return {"mean |fc8|": float(np.abs(np.concatenate(parts["classifier.6"])).mean())}


@contextmanager
def hooked(net: torch.nn.Module) -> Iterator[dict[str, list[np.ndarray]]]:
    """What hooks collect from every layer."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in LAYERS}
    modules = dict(net.named_modules())
    hooks = [
        modules[name].register_forward_hook(
            lambda _, __, y, name=name: parts[name].append(reduced(name, y))
        )
        for name in LAYERS
    ]
    yield parts
    for hook in hooks:
        hook.remove()


def ours(given: Namespace, n: int) -> Callable[[], dict[str, float]]:
    """``repviz.extract``."""
    import repviz

    weights = given.work / "alexnet.pth"
    model = repviz.open_model("alexnet", variant="torchvision", weights=weights)
    model.key  # noqa: B018  hashing 244 MB of weights is not part of the pass
    images = repviz.open_images(f"folder:{pictures(given)}", limit=n)
    out = given.work / "acts"

    def work() -> dict[str, float]:
        acts = repviz.extract(
            model,
            images,
            out=out,
            batch=given.batch,
            layers=LAYERS,
            reduce=dict.fromkeys(CONVOLUTIONS, "mean") | dict.fromkeys(COMPLETE, "none"),
        )
        size = float(np.abs(acts["classifier.6"][:]).mean())
        shutil.rmtree(out)
        return {"mean |fc8|": size}

    return work


def bare(given: Namespace, n: int) -> Callable[[], dict[str, float]]:
    """The network on tensors in memory, in the memory format that is fastest here."""
    files, net = Files(given, n), network(given)
    net = net.to(memory_format=torch.channels_last)
    rows = torch.stack([files[row] for row in range(len(files))])
    batches = [x.contiguous(memory_format=torch.channels_last) for x in rows.split(given.batch)]

    def work() -> dict[str, float]:
        with torch.inference_mode():
            outputs = [net(x) for x in batches]
        return {"mean |fc8|": float(torch.cat(outputs).abs().mean())}

    return work


def by_hand(given: Namespace, n: int) -> Callable[[], dict[str, float]]:
    """Hooks and a list, without worker processes."""
    files, net = Files(given, n), network(given)

    def work() -> dict[str, float]:
        with torch.inference_mode(), hooked(net) as parts:
            for start in range(0, len(files), given.batch):
                rows = range(start, min(start + given.batch, len(files)))
                net(torch.stack([files[row] for row in rows]))
        return saved(parts, given)

    return work


def by_loader(given: Namespace, n: int) -> Callable[[], dict[str, float]]:
    """The same hooks behind a DataLoader."""
    net = network(given)

    def work() -> dict[str, float]:
        with torch.inference_mode(), hooked(net) as parts:
            for x in loader(given, n):
                net(x)
        return saved(parts, given)

    return work


def torchvision_extractor(given: Namespace, n: int) -> Callable[[], dict[str, float]]:
    """``create_feature_extractor`` behind a DataLoader."""
    from torchvision.models.feature_extraction import create_feature_extractor

    extractor = create_feature_extractor(network(given), return_nodes=LAYERS)

    def work() -> dict[str, float]:
        parts: dict[str, list[np.ndarray]] = {name: [] for name in LAYERS}
        with torch.inference_mode():
            for x in loader(given, n):
                for name, y in extractor(x).items():
                    parts[name].append(reduced(name, y))
        return saved(parts, given)

    return work


def torchlens(given: Namespace, n: int) -> Callable[[], dict[str, float]]:
    """Its extraction of a data set to disk; the hash of the weights is left out, as of ours."""
    import torchlens
    from safetensors.torch import load_file

    net, out = network(given), given.work / "torchlens"
    pool: Any = dict.fromkeys(CONVOLUTIONS, "spatial_mean") | dict.fromkeys(COMPLETE, "flatten")

    def work() -> dict[str, float]:
        with torch.no_grad():
            shards = torchlens.extract_dataset(
                net,
                (x for batch in loader(given, n) for x in batch),
                {name: name for name in LAYERS} | {LAYERS[-1]: "linear_3_22"},  # else ambiguous
                batch_size=given.batch,
                output_dir=out,
                pool=pool,
                progress=False,
                model_identity="none",
            )
        codes = [load_file(shard)["classifier.6"] for shard in shards]
        shutil.rmtree(out)
        return {"mean |fc8|": float(torch.cat(codes).abs().mean())}

    return work


def thingsvision(given: Namespace, n: int) -> Callable[[], dict[str, float]]:
    """Its extractor with a torch DataLoader; it has no mean over space: we take it from its maps.

    It collects complete maps in memory, and its own loader reads without worker processes.
    """
    from thingsvision import get_extractor_from_model

    extractor = get_extractor_from_model(network(given), device="cpu", backend="pt")

    def work() -> dict[str, float]:
        maps = extractor.extract_features(
            batches=loader(given, n), module_names=LAYERS, output_type="ndarray"
        )
        parts = {name: [reduced(name, torch.from_numpy(maps[name]))] for name in LAYERS}
        return saved(parts, given)

    return work


PINNED = "needs torchvision 0.15.2, tensorflow below 2.16 and numpy below 2; not installed here"
TASK = Workload(
    "JPEG files to nine stored layers of AlexNet",
    "images",
    n=256,
    few=64,
    equal={"mean |fc8|": 0.01},
    arms=(
        Arm(ours, "repviz", "repviz-toolkit"),
        Arm(
            bare,
            "bare forward pass",
            "torch",
            note="a floor: tensors decoded beforehand, nothing stored",
        ),
        Arm(by_hand, "hook loop by hand", "torch"),
        Arm(by_loader, "hook loop with a DataLoader", "torch"),
        Arm(torchvision_extractor, "create_feature_extractor", "torchvision"),
        Arm(torchlens, "TorchLens", "torchlens"),
        Arm(
            thingsvision, "thingsvision", "thingsvision", environment="thingsvision", missing=PINNED
        ),
    ),
)


def add_options(options: ArgumentParser) -> None:
    """Batch size and images."""
    options.add_argument("--images", type=Path)
    options.add_argument("--batch", type=int, default=32)


if __name__ == "__main__":
    main(__doc__, "extraction", [TASK], prepare=prepare, add_options=add_options)
