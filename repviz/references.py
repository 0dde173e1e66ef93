"""Importing objects by references such as ``"package.module:attribute"``, or from a user's file."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from repviz import checks
from repviz.errors import InputError


def resolve(reference: str) -> Any:
    """The object that ``"package.module:attribute"`` names, its module imported on first use."""
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


def resolve_own(who: str, reference: str) -> Any:
    """The object that a user's ``"module:attribute"`` or ``"FILE.py:attribute"`` names.

    Modules are found on Python's path and in this folder.

    Parameters
    ----------
    who : str
        The function that the user called.
    reference : str
        What the user wrote.

    Raises
    ------
    InputError
        The module cannot be imported, or there is no such file.
    UnknownName
        It has no such attribute.
    """
    place, _, name = reference.partition(":")
    if ".py:" in reference:
        place, _, name = reference.rpartition(":")  # the path may have a colon as well
        module = _module_of_file(who, checks.path(who, "the file", place))
        return getattr(module, checks.one_of(who, f"attribute of {place}", name, dir(module)))
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


def _module_of_file(who: str, path: Path) -> ModuleType:
    """A Python file, executed as a new module."""
    spec = spec_from_file_location(path.stem, path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise InputError(f"{who}: '{path}' must be a file of Python, got none. Check the path.")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's own code raises what it likes
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{who}: '{path}' must run without an error, got '{reason}'.") from error
    return module
