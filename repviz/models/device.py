"""The devices that torch finds on this machine, and where networks run for extraction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

import torch
from torch import nn

from repviz import checks, provenance
from repviz.errors import InputError, Unavailable

AUTO, CPU = "auto", "cpu"
_chosen: ContextVar[str | None] = ContextVar("device", default=None)


def has_accelerator() -> bool:
    """Whether torch finds a GPU or another accelerator here."""
    return bool(torch.accelerator.is_available())


def find_device(who: str, name: str) -> torch.device:
    """The device called ``name``; "auto" is the GPU or, without one, the processor.

    Raises
    ------
    InputError
        torch finds no such device here; the message lists those that it finds.
    """
    found = [CPU]
    if has_accelerator():
        kind = torch.accelerator.current_accelerator().type
        found += [kind, *(f"{kind}:{number}" for number in range(torch.accelerator.device_count()))]
    if not isinstance(name, str) or name not in (AUTO, *found):
        raise InputError(
            f"{who}: device must be one that torch finds on this machine ({', '.join(found)}), or "
            f"auto, got {checks.shown(name)}. A GPU needs its driver, and torch's build for it."
        )
    return torch.device(found[:2][-1] if name == AUTO else name)


def describe(device: torch.device) -> str:
    """The description of a device in files: its kind and, of an NVIDIA or AMD card, its name."""
    if device.type != "cuda" or provenance.is_private():
        return device.type
    return f"{device.type} ({torch.cuda.get_device_name(device)})"


@contextmanager
def on_device(name: str = AUTO) -> Iterator[None]:
    """Within the block networks run on a device when their activations are extracted.

    ::

        with repviz.on_device("cuda:1"):
            repviz.extract(model, images, "acts")

    The weights of a network that lies elsewhere are moved there, and back when it is done. Without
    a block a network runs where its weights lie; one that is given by name, and those of a study,
    run as with "auto". Trainings take the GPU that there is, whatever is chosen here.

    Parameters
    ----------
    name : str
        ``"cpu"``; a device of torch, such as ``"cuda"`` or ``"cuda:1"``; or ``"auto"``: the GPU
        where there is one, and for a network that lies on one already, that one.

    Raises
    ------
    InputError
        torch finds no such device here.
    """
    device = find_device("on_device", name)
    tokens = _chosen.set(name), provenance.DEVICE.set(describe(device))
    try:
        yield
    finally:
        _chosen.reset(tokens[0])
        provenance.DEVICE.reset(tokens[1])


def chosen_device() -> str | None:
    """The device that :func:`on_device` set; None outside of its blocks."""
    return _chosen.get()


@contextmanager
def placed(who: str, module: nn.Module, *, default: str | None = None) -> Iterator[None]:
    """Within the block the weights of ``module`` are on the chosen device.

    There they compute in full float32, as on the processor. A network that is spread over several
    devices stays as it is.

    Parameters
    ----------
    who : str
        What the user called.
    module : torch.nn.Module
        The network.
    default : str, optional
        The device if none was chosen; where the weights lie if left out.

    Raises
    ------
    Unavailable
        The memory of the device does not hold the network and a batch.
    """
    name = _chosen.get() or default
    homes = {value.device for value in module.parameters()}
    home = next(iter(homes)) if len(homes) == 1 else torch.device(CPU)
    stays = name is None or len(homes) != 1 or (name == AUTO and home.type != CPU)
    device = home if stays else find_device(who, name or AUTO)
    try:
        with full_precision() if device.type != CPU else nullcontext():
            if device != home:
                module.to(device)
            yield
    except torch.OutOfMemoryError as error:
        raise Unavailable(
            f"{who}: the memory of {device} must hold the network and a batch, and it is full. Use "
            "a smaller batch (--batch), or the processor (--device cpu)."
        ) from error
    finally:
        if device != home:
            module.to(home)


@contextmanager
def full_precision() -> Iterator[None]:
    """Within the block TF32 is off: GPUs else round float32 to 19 bits in convolutions."""
    matmul, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = convolutions
