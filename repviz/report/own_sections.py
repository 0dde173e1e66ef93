"""Sections that a user adds to a report, as functions in a file of one's own."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from repviz import checks
from repviz.errors import InputError, RepvizError
from repviz.references import resolve_own
from repviz.report.html import Markup, tag
from repviz.report.sections import SECTIONS, Content, Section
from repviz.study_folder import Study

WHO = "write_report"


def own_sections(given: Iterable[Any] | Any) -> dict[str, Section]:
    """The sections by the name of their place in the page.

    Parameters
    ----------
    given : iterable
        Each a :class:`~repviz.report.sections.Section`; a function of the study that returns its
        content: a :class:`~repviz.report.sections.Content`, HTML as
        :func:`repviz.report.html.tag` makes it, a text, or None for nothing; or
        ``"module:attribute"``, which names one of these. A function's heading is the first line
        of its docstring.

    Raises
    ------
    InputError
        One of them is none of these, or has the name of another section.
    """
    sections: dict[str, Section] = {}
    for one in [given] if isinstance(given, Section) or callable(given) else checks.as_list(given):
        section = _section(resolve_own(WHO, one) if isinstance(one, str) else one)
        name = re.sub(r"\W+", "_", section.short.casefold()).strip("_")
        if name in sections or name in SECTIONS:
            raise InputError(
                f"{WHO}: sections must have different names, got '{name}' twice. Rename yours."
            )
        sections[name] = section
    return sections


def _section(one: Any) -> Section:
    if isinstance(one, Section):
        return one
    name = getattr(one, "__name__", "")
    if not callable(one) or not name.isidentifier():
        raise InputError(
            f"{WHO}: a section must be a Section, a named function of the study, or "
            f"'module:attribute', got {checks.shown(one)}."
        )
    short = name.replace("_", " ").strip().capitalize()
    heading = (inspect.getdoc(one) or short).split("\n")[0].rstrip(".")
    return Section(title=heading, short=short, stage="", render=partial(_render, one, name))


def _render(function: Callable[[Study], Any], name: str, study: Study) -> Content | None:
    try:
        made = function(study)
    except RepvizError:
        raise
    except Exception as error:  # the user's code may raise any exception
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            f"{WHO}: the section '{name}' must return its content, and it failed ({reason}). Call "
            "it in Python to see the error."
        ) from error
    if made is None or isinstance(made, Content):
        return made
    if isinstance(made, str):
        return Content(made if isinstance(made, Markup) else tag("p", made))
    raise InputError(
        f"{WHO}: the section '{name}' must return Content, HTML, a text or None, got "
        f"{checks.shown(made)}."
    )
