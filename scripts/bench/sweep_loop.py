#!/usr/bin/env python3
"""A sweep of bottleneck sizes: one training for all sizes, against a training per size.

    scripts/bench/sweep_loop.py [--sizes 2,8,32] [--effort 1] [--images orl] [--rounds 2]

The other sides train the convolutional autoencoder of the engine ``conv`` (its layers and initial
weights) once per size, for as many steps of as many images as that engine does: a plain torch loop
with Adam, and pythae's trainer. All see mirrored images; ours also shift them by up to 2 pixels.
The test error is the mean squared error of people whom nobody trained on, its geometric mean over
the sizes; the timed work includes the principal components that ``prefix`` starts from. By default
every side trains for a quarter of the steps of the engines: too few for the last error, so compare
errors with --effort 1 (6 minutes per round).
"""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

import numpy as np
from arms import Arm, Workload, main

BATCH, STEPS, RATE = 32, 750, 1e-3  # batch and steps are those of the engine ``conv``

Figures = Callable[[], dict[str, float]]


def data(given: Namespace, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training, validation and test images uint8 (n, 1, side, side), disjoint in people."""
    import repviz

    images = repviz.open_images(given.images, size=given.side, grey=True)
    parts = repviz.split(images, (0.7, 0.15, 0.15), by="label", seed=0)
    train, validation, test = (images.pixels(rows) for rows in parts)
    return train[:n], validation, test


def sizes(given: Namespace) -> list[int]:
    """The bottleneck sizes, ascending."""
    return sorted(int(text) for text in given.sizes.split(","))


def epochs(n: int, given: Namespace) -> int:
    """Passes over ``n`` images that make the steps; one where it is a warm-up."""
    return 1 if n <= TASK.few else math.ceil(given.effort * STEPS / math.ceil(n / BATCH))


def error(errors: list[float]) -> dict[str, float]:
    """The geometric mean."""
    return {"test error": float(np.exp(np.mean(np.log(errors))))}


def engine(name: str) -> Callable[[Namespace, int], Figures]:
    """The arm of an engine of ours."""

    def ready(given: Namespace, n: int) -> Figures:
        from repviz.bottleneck.engines import FitContext, get_engine
        from repviz.models.autoencoder import encode
        from repviz.training.data import TrainingData

        train, validation, test = data(given, n)
        chosen, effort = get_engine(name), 0.01 if n <= TASK.few else given.effort
        X = test.reshape(len(test), -1).astype(np.float32) / 255

        def work() -> dict[str, float]:
            largest = sizes(given)[-1]
            context = FitContext(TrainingData(train, validation, max_bottleneck=largest), effort)
            if chosen.serves_all_sizes:
                codec = chosen.fit(context, largest)
                codes = {k: encode(codec.model.module, X, k=k) for k in sizes(given)}
                outputs = {k: codec.decode(code) for k, code in codes.items()}
            else:
                fitted = {k: chosen.fit(context, k) for k in sizes(given)}
                outputs = {k: codec.decode(codec.encode(X)) for k, codec in fitted.items()}
            return error([float(np.square(Y - X).mean()) for Y in outputs.values()])

        return work

    return ready


def network(given: Namespace, k: int) -> Any:
    """The module of the engine ``conv`` with a code of ``k`` numbers."""
    import repviz

    return repviz.open_model(
        "autoencoder", form="conv", bottleneck=k, size=given.side, seed=0
    ).module


def tensors(images: np.ndarray) -> Any:
    """Pixels in [0, 1], float32."""
    import torch

    return torch.from_numpy(images).float() / 255


def plain_loop(given: Namespace, n: int) -> Figures:
    """What people write: a DataLoader, Adam and the mean squared error, once per size."""
    import torch
    from torch.nn import functional
    from torch.utils.data import DataLoader, TensorDataset

    train, _, test = data(given, n)
    X = tensors(test)

    def trained(k: int) -> torch.nn.Module:
        torch.manual_seed(0)
        net = network(given, k).train()
        optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
        batches = DataLoader(TensorDataset(tensors(train)), BATCH, shuffle=True)
        for _ in range(epochs(len(train), given)):
            for (x,) in batches:
                x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)
                loss = functional.mse_loss(net(x), x)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return net.eval()

    def work() -> dict[str, float]:
        errors = []
        for k in sizes(given):
            net = trained(k)
            with torch.inference_mode():
                errors.append(float(functional.mse_loss(net(X), X)))
        return error(errors)

    return work


def pythae(given: Namespace, n: int) -> Figures:
    """The AE and the trainer of pythae around the same layers, with Adam at the same rate."""
    import torch
    from pythae.data.datasets import DatasetOutput
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from torch.nn import functional

    train, validation, test = data(given, n)
    X = tensors(test)

    class Mirrored(torch.utils.data.Dataset):
        def __init__(self, images: np.ndarray) -> None:
            self.images = tensors(images)

        def __len__(self) -> int:
            return len(self.images)

        def __getitem__(self, row: int) -> DatasetOutput:
            x = self.images[row]
            return DatasetOutput(data=x.flip(2) if torch.rand(()) < 0.5 else x)

    class Encoder(BaseEncoder):
        def __init__(self, net: Any) -> None:
            super().__init__()
            self.layers = net.encoder

        def forward(self, x: Any) -> ModelOutput:
            return ModelOutput(embedding=self.layers(x))

    class Decoder(BaseDecoder):
        def __init__(self, net: Any) -> None:
            super().__init__()
            self.layers, self.mean = net.decoder, net.mean

        def forward(self, z: Any) -> ModelOutput:
            return ModelOutput(reconstruction=self.mean + self.layers(z))

    def trained(k: int) -> AE:
        net, shape = network(given, k), (1, given.side, given.side)
        config = AEConfig(input_dim=shape, latent_dim=k)
        model = AE(config, encoder=Encoder(net), decoder=Decoder(net))
        settings = BaseTrainerConfig(
            output_dir=str(given.work / "pythae"),
            num_epochs=epochs(len(train), given),
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=BATCH,
            learning_rate=RATE,
            seed=0,
            no_cuda=True,
        )
        trainer = BaseTrainer(model, Mirrored(train), Mirrored(validation), settings)
        trainer.train()
        return trainer.model.eval()

    def work() -> dict[str, float]:
        errors = []
        for k in sizes(given):
            model = trained(k)
            with torch.inference_mode():
                output = model({"data": X}).recon_x
                errors.append(float(functional.mse_loss(output, X)))
        return error(errors)

    return work


def add_options(options: ArgumentParser) -> None:
    """Images, sizes and length of the trainings."""
    options.add_argument("--images", default="orl")
    options.add_argument("--side", type=int, default=64)
    options.add_argument("--sizes", default="2,8,32")
    options.add_argument("--effort", type=float, default=0.25, help="multiple of the default steps")


SHORT = "a quarter of the default steps on every side, without --effort"
TASK = Workload(
    "autoencoders of three sizes, trained and tested",
    "training images",
    n=280,
    few=64,
    measures=("wall time", "processor time", "test error"),
    arms=(
        Arm(engine("prefix"), "repviz, engine prefix", "repviz-toolkit"),
        Arm(plain_loop, "a plain torch loop per size", "torch", note=SHORT),
        Arm(pythae, "pythae, one training per size", "pythae", note=SHORT),
    ),
)

if __name__ == "__main__":
    main(__doc__, "sweep", [TASK], times=2, add_options=add_options)
