"""The report's sections, in the order of the page.

To add one: a file with a :class:`Section`, and a line in :data:`SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

from repviz.errors import Damaged, RepvizError
from repviz.references import resolve

if TYPE_CHECKING:
    from repviz.report.html import Child, Markup
    from repviz.study_folder import Study

T = TypeVar("T")


@dataclass(frozen=True)
class Content:
    """The content of a section: figures and tables, how to read them, what they cannot show.

    ``title`` is what the study found, where the section can say it in one sentence; it takes the
    place of the section's own title.
    """

    body: Markup
    reading: Child = ""
    limits: Child = ""
    title: str = ""


@dataclass(frozen=True)
class Claim:
    """One answer for the first screen: a question, its number, and the sentence that answers it.

    Attributes
    ----------
    question : str
        What a reader wants to know.
    value : str
        The number that answers it, with its unit.
    answer : str
        One plain sentence with n, chosen by the interval: also where it says no.
    picture : Markup or None
        What shows it: pictures, or the intervals side by side.
    interval : str
        The 95 % interval of the number, such as ``3.1 to 7.7``; "" where it has none.
    rank : int
        Its place on the first screen, from 0.
    """

    question: str
    value: str
    answer: str
    picture: Markup | None = None
    interval: str = ""
    rank: int = 9


@dataclass(frozen=True)
class Section:
    """One section of the report.

    Attributes
    ----------
    title : str
        Its heading.
    short : str
        Its entry in the table of contents.
    stage : str
        The study's stage that writes its tables. Where the manifest lists the stage, or the section
        itself, under ``skipped``, the section prints the reason given there.
    render : function
        Its content, made from a study; None where the study has nothing to show in it.
    needs : tuple of str
        Files of the study folder without which the section is left out.
    tables : dict of str to str
        The tables that it reads, and the columns of each, separated by blanks.
    claim : function, optional
        What the first screen says of it; None where the study has nothing to say.
    """

    title: str
    short: str
    stage: str
    render: Callable[[Study], Content | None]
    needs: tuple[str, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)
    claim: Callable[[Study], Claim | None] | None = None


SECTIONS: dict[str, str] = {
    "findings": "repviz.report.sections.findings:SECTION",
    "stores": "repviz.report.sections.stores:SECTION",
    "compared_studies": "repviz.report.sections.compared_studies:SECTION",
    "comparison": "repviz.report.sections.comparison:SECTION",
    "map": "repviz.report.sections.map:SECTION",
    "decoder": "repviz.report.sections.decoder:SECTION",
    "ladder": "repviz.report.sections.ladder:SECTION",
    "rarity": "repviz.report.sections.rarity:SECTION",
    "random_map": "repviz.report.sections.random_map:SECTION",
    "paths": "repviz.report.sections.paths:SECTION",
    "capacity": "repviz.report.sections.capacity:SECTION",
    "feature_maps": "repviz.report.sections.feature_maps:SECTION",
    "images": "repviz.report.sections.images:SECTION",
    "sweep": "repviz.report.sections.sweep:SECTION",
    "learning_curves": "repviz.report.sections.learning_curves:SECTION",
    "reconstructions": "repviz.report.sections.reconstructions:SECTION",
    "traversals": "repviz.report.sections.traversals:SECTION",
    "audit": "repviz.report.sections.audit:SECTION",
    "found_sizes": "repviz.report.sections.found_sizes:SECTION",
    "criteria": "repviz.report.sections.criteria:SECTION",
    "code_probes": "repviz.report.sections.code_probes:SECTION",
    "anatomy": "repviz.report.sections.anatomy:SECTION",
    "training": "repviz.report.sections.training:SECTION",
    "evaluation": "repviz.report.sections.evaluation:SECTION",
    "confusion": "repviz.report.sections.confusion:SECTION",
    "filters": "repviz.report.sections.filters:SECTION",
    "top_images": "repviz.report.sections.top_images:SECTION",
    "profile": "repviz.report.sections.profile:SECTION",
    "factors": "repviz.report.sections.factors:SECTION",
    "invariance": "repviz.report.sections.invariance:SECTION",
    "similarity": "repviz.report.sections.similarity:SECTION",
    "identity": "repviz.report.sections.identity:SECTION",
    "dimension": "repviz.report.sections.dimension:SECTION",
    "spectrum": "repviz.report.sections.spectrum:SECTION",
    "provenance": "repviz.report.sections.provenance:SECTION",
}


def get_section(name: str) -> Section:
    """The section that :data:`SECTIONS` lists under ``name``.

    Where it cannot show what the study's files hold, it raises Damaged.
    """
    section: Section = resolve(SECTIONS[name])
    claim = section.claim and _naming_the_files(name, section.claim)
    return replace(section, render=_naming_the_files(name, section.render), claim=claim)


# What a table of other values can make a section raise: a row that is not there ends an iterator.
UNFITTING = (
    *(ValueError, TypeError, LookupError, ArithmeticError, AttributeError),
    *(StopIteration, RuntimeError),
)


def _naming_the_files(name: str, shown: Callable[[Study], T]) -> Callable[[Study], T]:
    """``shown``, whose error at a table of other values than a study writes is one sentence.

    A table can be read, match its hash and still hold a text where a number belongs.
    """

    @wraps(shown)
    def named(study: Study) -> T:
        try:
            return shown(study)
        except RepvizError:
            raise
        except UNFITTING as error:
            reason = " ".join(str(error).split())[:200]
            raise Damaged(
                f"{study.folder}: the section '{name}' cannot show what is in the study's files, "
                f"got '{type(error).__name__}: {reason}'. Run the study again in a new folder."
            ) from error

    return named
