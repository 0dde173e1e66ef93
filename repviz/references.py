"""References to functions by name, so that a family's table loads no member before it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def resolve(reference: str) -> Any:
    """The object that ``"package.module:attribute"`` names, its module imported on first use."""
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)
