"""The model record: a torch module, its preprocessing and the origin of its weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from repviz import checks, provenance
from repviz.errors import InputError, RepvizError
from repviz.images import decoding

MOST_CLASSES = 1_000_000  # outputs of a classifier
CROP_MODES = ("center", "squash")
INTERPOLATIONS = {
    "bilinear": InterpolationMode.BILINEAR,
    "bicubic": InterpolationMode.BICUBIC,
}


@dataclass(frozen=True)
class Preprocessing:
    """The preprocessing that turns uint8 pixels into a network's input.

    Attributes
    ----------
    size : (int, int)
        Height and width of the input, in pixels.
    channels : int
        1 (grey) or 3 (red, green, blue).
    mean, std : tuple of float
        Per channel, in units of the pixel range [0, 1]: the input is
        ``(pixels / 255 - mean) / std``. Networks that were trained on 0 to 255 have a std of 1/255.
    resize : int, optional
        Length that the shorter side is scaled to before ``size`` is cropped from the centre; by
        default the picture is scaled until it just covers ``size``.
    interpolation : str
        ``"bilinear"`` or ``"bicubic"``, both antialiased.
    crop_mode : str
        ``"center"``: scaled with its aspect ratio, and cropped. ``"squash"``: both sides are scaled
        to ``resize`` (to ``size``, if that is left out), whatever the aspect ratio, and cropped.
    order : str
        ``"RGB"``, or ``"BGR"`` as in Caffe; mean and std are in this order.
    """

    size: tuple[int, int]
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: int | None = None
    interpolation: str = "bilinear"
    order: str = "RGB"
    crop_mode: str = "center"

    def __post_init__(self) -> None:
        checks.one_of("Preprocessing", "interpolation", self.interpolation, INTERPOLATIONS)
        checks.one_of("Preprocessing", "crop mode", self.crop_mode, CROP_MODES)
        checks.one_of("Preprocessing", "order of channels", self.order, ("RGB", "BGR"))
        if self.resize is not None and self.resize < max(self.size):
            raise InputError(
                f"Preprocessing: resize must be at least the larger side of size {self.size}, got "
                f"{self.resize}. Leave it out to resize images directly to size."
            )
        if self.channels not in (1, 3):
            raise InputError(
                f"Preprocessing: channels must be 1 (grey) or 3 (colour), got {self.channels}."
            )
        if not len(self.mean) == len(self.std) == self.channels:
            raise InputError(
                f"Preprocessing: mean and std must have one number per channel ({self.channels}), "
                f"got {len(self.mean)} and {len(self.std)}."
            )

    def fit(self, pixels: Tensor) -> Tensor:
        """``pixels`` (b, c, h, w) uint8 at this size and number of channels, still uint8.

        Grey as :func:`repviz.images.decoding.to_grey` makes it; scaled, as by torchvision's
        ``Resize``, then cropped at the centre.
        """
        if self.channels < pixels.shape[1]:
            grey = decoding.to_grey(pixels.cpu().numpy())
            pixels = torch.from_numpy(grey).to(pixels.device)
        scaled = self._scaled(pixels.shape[-2], pixels.shape[-1])
        if scaled != pixels.shape[-2:]:
            mode = INTERPOLATIONS[self.interpolation]
            pixels = transforms.resize(pixels, list(scaled), interpolation=mode, antialias=True)
        cropped: Tensor = decoding.centre(pixels, self.size)
        return cropped.expand(-1, self.channels, -1, -1)

    def _scaled(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after scaling, before the crop."""
        wanted = self.size if self.resize is None else (self.resize, self.resize)
        return wanted if self.crop_mode == "squash" else decoding.covering((height, width), wanted)

    def normalise(self, pixels: Tensor) -> Tensor:
        """``pixels`` (b, c, h, w) uint8 as float32 input, on the same device."""
        pixels = pixels.flip(1) if self.order == "BGR" else pixels
        batch, channels, height, width = pixels.shape
        # A row of pixels is one long vector; three channels at a time would take five times as
        # long.
        lines = pixels.permute(0, 2, 3, 1).reshape(batch, height, width * channels)
        x = lines.to(torch.float32)
        x.sub_(torch.tensor(self.mean, device=x.device).mul_(255).repeat(width))
        x.div_(torch.tensor(self.std, device=x.device).mul_(255).repeat(width))
        return x.view(batch, height, width, channels).permute(0, 3, 1, 2)

    def card(self) -> dict[str, Any]:
        """Every attribute, as JSON values."""
        return asdict(self)

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> Preprocessing:
        """The record that :meth:`card` described, also after a round trip through JSON."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in card.items()
        }
        return cls(**values)

    def __call__(self, pixels: Tensor) -> Tensor:
        """``pixels`` (b, c, h, w) uint8 of any size as (b, channels, *size) float32 input."""
        return self.normalise(self.fit(pixels))


@dataclass(frozen=True, eq=False)
class Model:
    """A network with its preprocessing, its default layers and its provenance.

    Attributes
    ----------
    name : str
        The name given to :func:`repviz.open_model`.
    module : torch.nn.Module
        The plain network, in evaluation mode.
    preprocessing : Preprocessing
        How pixels become its input.
    layers : tuple of str
        Names of the modules that are extracted by default.
    weights : str
        Origin of the weights: ``"random (seed 0)"``, ``"default"``, ``"trained for ..."``.
    weights_kind : str
        ``"untrained"``: repviz drew them; ``"trained"``: published, from a file, or trained here;
        ``"given"``: the module's own, of which repviz knows no more than their hash.
    options : dict
        The options that it was built with, defaults included.
    classes : tuple of str or None
        The label of each output, once it was trained on labels.
    task : str
        What its output is trained to match: ``"labels"`` or ``"pixels"``.
    recipe : dict
        How it was trained, and on which images, as its checkpoint says; empty if untrained.
    """

    name: str
    module: nn.Module = field(repr=False)
    preprocessing: Preprocessing
    layers: tuple[str, ...]
    weights: str
    options: dict[str, Any]
    classes: tuple[str, ...] | None = None
    task: str = "labels"
    recipe: dict[str, Any] = field(default_factory=dict, repr=False)
    weights_kind: str = "untrained"

    def __post_init__(self) -> None:
        self._opened  # noqa: B018

    @cached_property
    def _opened(self) -> str:
        """A checksum of the weights when this record was made."""
        return tensors_sum(self.module.state_dict())

    def current(self) -> Model:
        """The model itself or, if its weights were changed in place, a record of their new origin.

        A network that was opened and then trained or loaded in place is no longer random.
        """
        if tensors_sum(self.module.state_dict()) == self._opened:
            return self
        key = weights_hash(self.module)
        weights = f"changed since they were opened as {self.weights} (sha256 {key[:16]})"
        return replace(self, weights=weights, weights_kind="given")

    @cached_property
    def key(self) -> str:
        """The hash of the weights, 64 hex digits, computed once."""
        return weights_hash(self.module)


AnyModel = Model | nn.Module | str  # what extract and study layers take


def weights_hash(module: nn.Module) -> str:
    """The SHA-256 over the names, types, shapes and bytes of every parameter and buffer."""
    parts: list[bytes] = []
    for name, value in module.state_dict().items():
        parts += _bytes(name, value)
    return provenance.sha256(*parts)


def tensors_sum(tensors: dict[str, Any]) -> str:
    """An XXH3 sum over the names, types, shapes and bytes of ``tensors``, in order of name."""
    total = provenance.checksum()
    for name in sorted(tensors):
        for part in _bytes(name, tensors[name]):
            total.update(part)
    return total.hexdigest()


def _bytes(name: str, value: Any) -> list[Any]:
    """The name, type, shape and bytes of one entry of a state dict."""
    if isinstance(value, Tensor) and value.is_quantized:
        value = value.dequantize()
    if not isinstance(value, Tensor):  # packed weights of a quantised layer, types and flags
        return [f"{name} {value!r}".encode()]
    if value.is_meta:  # a shape without values
        return [f"{name} {value.dtype} {tuple(value.shape)}".encode()]
    array = value.detach().cpu().contiguous()
    return [
        f"{name} {array.dtype} {tuple(array.shape)}".encode(),
        array.reshape(-1).view(torch.uint8).numpy().data,
    ]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within the block torch's generators start from ``seed``; afterwards they are as before."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextmanager
def named_failure(who: str, model: Model) -> Iterator[None]:
    """Within the block, what a network raises becomes one sentence, an InputError."""
    try:
        yield
    except RepvizError:
        raise
    except Exception as error:  # whatever the network's own code raises
        reason = f"{type(error).__name__}: {error}".split("\n")[0].rstrip(".")
        shape = ", ".join(str(n) for n in (model.preprocessing.channels, *model.preprocessing.size))
        raise InputError(
            f"{who}: the network '{model.name}' must take float32 input of shape (b, {shape}), "
            f"and it failed ({reason}). Pass its input size and channels, or fix the network."
        ) from error


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Within the block ``module`` is in evaluation mode and no gradients are kept."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode
