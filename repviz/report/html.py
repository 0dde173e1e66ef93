"""Building HTML from elements: text that is not already markup is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

Child: TypeAlias = "str | Iterable[Child] | None"


class Markup(str):
    """Text that is HTML already. Only :func:`tag` and trusted writers of HTML make it."""


def tag(name: str, /, *children: Child, **attributes: str | int | bool | None) -> Markup:
    """The element ``name`` with its children and attributes.

    Parameters
    ----------
    name : str
        The element's name.
    *children : str, Markup, None or iterable of these
        Text is escaped, markup stands as it is, None is left out.
    **attributes : str, int, bool or None
        ``class_`` becomes ``class``, ``aria_label`` becomes ``aria-label``; True writes the bare
        name, False and None leave the attribute out.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    """The children one after the other, escaped where they are text."""
    return Markup("".join(_child(child) for child in children))


_VOID = frozenset({"img", "input", "meta", "br", "hr", "col", "wbr"})


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return escape(child).replace(" %", "\N{NO-BREAK SPACE}%")  # a number keeps its sign
    return join(child)


def _attribute(key: str, value: str | int | bool | None) -> str:
    key = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {key}" if value is True else f' {key}="{escape(str(value))}"'
