"""References to objects by name: those of a family's table, and those of a user's own modules."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from repviz import checks
from repviz.errors import InputError


def resolve(reference: str) -> Any:
    """The object that ``"package.module:attribute"`` names, its module imported on first use."""
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


def resolve_own(who: str, reference: str) -> Any:
    """The object that a user's ``"module:attribute"`` names, from Python's path or this folder.

    Parameters
    ----------
    who : str
        The function that the user called.
    reference : str
        What the user wrote.

    Raises
    ------
    InputError
        The module cannot be imported.
    UnknownName
        It has no such attribute.
    """
    place, _, name = reference.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # as python -m does
    try:
        module = import_module(place)
    except ImportError as error:
        raise InputError(
            f"{who}: '{place}' must be a module that Python can import, got '{error}'. Run repviz "
            "in its folder, or install it."
        ) from error
    return getattr(module, checks.one_of(who, f"attribute of {place}", name, dir(module)))
