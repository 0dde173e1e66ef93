"""Networks from torchvision, timm, and a user's own functions and modules."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torchvision import models as zoo

from repviz import checks
from repviz.errors import InputError, Unavailable
from repviz.models.in_memory import check_materialised, default_preprocessing
from repviz.models.model import CROP_MODES, MOST_CLASSES, Model, Preprocessing
from repviz.references import resolve_own


def published_names() -> list[str]:
    """The names for :func:`repviz.open_model` from torchvision and, if it is installed, timm."""
    names = [f"torchvision:{name}" for name in zoo.list_models(zoo)]
    try:
        import timm
    except ImportError:
        return names
    return [*names, *(f"timm:{name}" for name in timm.list_models())]


def torchvision_model(
    argument: str, *, pretrained: bool | str = False, classes: int = 1000, size: int | None = None
) -> Model:
    """A classifier of torchvision, with the preprocessing that its weights were made with.

    Parameters
    ----------
    argument : str
        Its name there ("resnet18").
    pretrained : bool or str
        Whether it comes with torchvision's default weights, or the name of others
        ("IMAGENET1K_V1").
    classes : int
        Outputs, at least 2; 1000 with pretrained weights.
    size : int, optional
        Side of its input in pixels; what its weights were made for if left out.
    """
    who = f"open_model('torchvision:{argument}')"
    checks.one_of(who, "torchvision model", argument, zoo.list_models(zoo))
    classes = checks.integer(who, "classes", classes, low=2, high=MOST_CLASSES)
    _check_classes(who, pretrained, classes)
    published = zoo.get_model_weights(argument)
    weights = published.DEFAULT
    if isinstance(pretrained, str):
        weights = published[checks.one_of(who, "set of weights", pretrained, _names(published))]
    try:
        module = zoo.get_model(
            argument, weights=weights if pretrained else None, num_classes=classes
        )
    except OSError as error:
        raise _no_weights(who, "torchvision", error) from error
    transform = weights.transforms()
    side = transform.crop_size[0] if size is None else checks.integer(who, "size", size, low=8)
    preprocessing = Preprocessing(
        (side, side),
        3,
        tuple(transform.mean),
        tuple(transform.std),
        resize=_shorter_side(transform.resize_size[0], transform.crop_size[0], side),
        interpolation=transform.interpolation.value,
    )
    return _model(module, preprocessing)


def timm_model(
    argument: str, *, pretrained: bool | str = False, classes: int = 1000, size: int | None = None
) -> Model:
    """A classifier of timm, with the preprocessing that its weights were made with.

    Parameters
    ----------
    argument : str
        Its name there, with or without the tag of its weights ("resnet18.a1_in1k").
    pretrained : bool or str
        Whether it comes with timm's weights, or the tag of these ("a1_in1k").
    classes, size
        As in :func:`torchvision_model`.
    """
    who = f"open_model('timm:{argument}')"
    try:
        import timm
    except ImportError as error:
        raise Unavailable(
            f"{who}: the package timm is needed and is not installed. Run: pip install timm."
        ) from error
    name, _, tag = argument.partition(".")
    checks.one_of(who, "timm model", name, timm.list_models())
    tag = pretrained if isinstance(pretrained, str) else tag
    if tag:
        tags = [found.partition(".")[2] for found in timm.list_pretrained(f"{name}.*")]
        checks.one_of(who, "set of weights", tag, tags)
    classes = checks.integer(who, "classes", classes, low=2, high=MOST_CLASSES)
    _check_classes(who, pretrained, classes)
    try:
        module = timm.create_model(
            f"{name}.{tag}" if tag else name, pretrained=bool(pretrained), num_classes=classes
        )
    except (OSError, RuntimeError) as error:
        raise _no_weights(who, "timm", error) from error
    config = timm.data.resolve_model_data_config(module)
    return _model(module, timm_preprocessing(who, config, size=size))


def timm_preprocessing(
    who: str, config: dict[str, Any], *, size: int | None = None
) -> Preprocessing:
    """The preprocessing that a data configuration of timm describes.

    Parameters
    ----------
    who : str
        What the user called.
    config : dict
        From ``timm.data.resolve_data_config``.
    size : int, optional
        Side of the input in pixels; that of the configuration if left out.

    Raises
    ------
    InputError
        It describes what :class:`Preprocessing` cannot.
    """
    mode, share = config.get("crop_mode") or "center", float(config["crop_pct"])
    channels, *sides = config["input_size"]
    whole = mode == "squash" and share == 1
    if (
        mode not in CROP_MODES
        or share > 1
        or (mode == "squash" and len({*sides}) > 1 and not whole)
    ):
        raise InputError(
            f"{who}: the preprocessing must cut its input out of the scaled image, got crop mode "
            f"'{mode}' and share {share:g} for {sides[0]}x{sides[1]} pixels. Choose other weights, "
            "or open the network in memory with a preprocessing of your own."
        )
    if size is not None:
        sides = [checks.integer(who, "size", size, low=8)] * 2
    return Preprocessing(
        (sides[0], sides[1]),
        channels,
        tuple(config["mean"]),
        tuple(config["std"]),
        resize=None if whole else max(int(max(sides) / share), *sides),
        interpolation=config["interpolation"],
        crop_mode=mode,
    )


def _names(published: Any) -> list[str]:
    return [name for name in published.__members__ if name != "DEFAULT"]


def _shorter_side(resize: int, crop: int, side: int) -> int | None:
    """The length of the shorter side before cropping to ``side``, in the ratio resize : crop."""
    scaled = side * resize // crop
    return scaled if scaled > side else None


def own_model(
    argument: str,
    *,
    pretrained: bool = False,
    classes: int | None = None,
    size: int = 224,
    channels: int = 3,
) -> Model:
    """A network of the user's own.

    Parameters
    ----------
    argument : str
        ``MODULE:ATTRIBUTE``, imported from Python's path or from the working folder: an
        ``nn.Module``, or a function that returns one and is called with what it has parameters
        for among ``classes`` and ``pretrained``.
    pretrained : bool
        Passed on to the function.
    classes : int, optional
        Passed on to the function.
    size : int
        Side of its input in pixels.
    channels : int
        1 or 3. The input is scaled with ImageNet's mean and standard deviation, 0.5 and 0.5 for
        one channel, unless the module has an attribute ``preprocessing`` of its own: a
        :class:`~repviz.models.model.Preprocessing`, such as Caffe's
        ``Preprocessing((227, 227), 3, (104 / 255, 117 / 255, 123 / 255), (1 / 255,) * 3,
        order="BGR")``.
    """
    who = f"open_model('{argument}')"
    module = resolve_own(who, argument)
    if isinstance(module, nn.Module) and pretrained:
        raise InputError(
            f"{who}: the weights of a network in memory are its own, got weights='default'. Load "
            "them into it, and leave weights out."
        )
    if not isinstance(module, nn.Module):
        given = _accepted(who, module, classes=classes, pretrained=pretrained or None)
        module = _called(who, module, given)
    if not isinstance(module, nn.Module):
        raise InputError(
            f"{who}: the attribute must be a torch.nn.Module or a function that returns one, got "
            f"{type(module).__name__}."
        )
    check_materialised(who, module)
    own = getattr(module, "preprocessing", None)
    if not isinstance(own, Preprocessing):
        own = default_preprocessing(who, size, channels)
    return _model(module, own)


def _called(who: str, function: Any, given: dict[str, Any]) -> Any:
    try:
        return function(**given)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".split("\n")[0].rstrip(".")
        raise InputError(
            f"{who}: the function must return a network, and it failed ({reason}). Call it in "
            "Python to see the error."
        ) from error


def _accepted(who: str, function: Any, **values: Any) -> dict[str, Any]:
    import inspect

    if not callable(function):
        raise InputError(
            f"{who}: the attribute must be a torch.nn.Module or a function that returns one, got "
            f"{type(function).__name__}."
        )
    try:
        names = inspect.signature(function).parameters
    except ValueError as error:  # a class of C, or one derived from it
        raise InputError(
            f"{who}: the attribute must be a torch.nn.Module or a function that returns one, got "
            f"{getattr(function, '__name__', function)}, whose parameters are unknown."
        ) from error
    given = {name: value for name, value in values.items() if value is not None}
    for name in given:
        checks.one_of(who, "parameter of the function", name, names)
    return given


def _check_classes(who: str, pretrained: bool | str, classes: int) -> None:
    if pretrained and classes != 1000:
        raise InputError(
            f"{who}: classes must be 1000 with published weights, got {classes}. Leave it out, or "
            "use weights='random'."
        )


def _no_weights(who: str, library: str, error: Exception) -> Unavailable:
    return Unavailable(
        f"{who}: the weights could not be loaded from {library} ({error}). Use weights='random', "
        "or run once with an internet connection."
    )


def _model(module: nn.Module, preprocessing: Preprocessing) -> Model:
    module = module.to(memory_format=torch.channels_last)
    layers = tuple(name for name, _ in module.named_children())
    return Model("", module, preprocessing, layers, "", {})
