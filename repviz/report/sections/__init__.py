"""The report's sections, in the order of the page: one question each.

To add one: a line in :data:`SECTIONS`, and a file of that name with ``render(study)``, which gives
a :class:`Content`, or None where the study has nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repviz.report.html import Child, Markup
    from repviz.report.reading import StudyFiles


@dataclass(frozen=True)
class Content:
    """What a section says: its figures and tables, how to read them, what they cannot show."""

    body: Markup
    reading: Child = ""
    limits: Child = ""


@dataclass(frozen=True)
class Section:
    """One question of the report.

    A section whose ``files`` the study lacks is left out. One whose name or ``stage`` stands in the
    manifest under ``skipped`` prints the reason given there.
    """

    name: str
    short: str  # in the table of contents
    question: str
    stage: str
    files: tuple[str, ...] = ()

    def render(self, study: StudyFiles) -> Content | None:
        """The content, from the file of this section's name."""
        return import_module(f"repviz.report.sections.{self.name}").render(study)


_LINES = (
    Section("findings", "In short", "What came out?", "findings", ("results/findings.csv",)),
    Section(
        "images",
        "The images",
        "What was looked at?",
        "images",
        ("results/images.csv", "arrays/thumbnails.npy"),
    ),
    Section(
        "sweep",
        "Squeezing",
        "How few numbers can hold an image?",
        "sweep",
        ("results/sweep.csv",),
    ),
    Section(
        "reconstructions",
        "What is lost",
        "What does each size keep and lose?",
        "sweep",
        (
            "results/reconstruction_panels.csv",
            "results/reconstruction_images.csv",
            "arrays/reconstructions.npy",
        ),
    ),
    Section(
        "walks",
        "Along the code",
        "What does the code vary, and what lies between two images?",
        "walks",
        (
            "results/traversals.csv",
            "results/interpolation.csv",
            "arrays/traversals.npy",
            "arrays/interpolation.npy",
        ),
    ),
    Section(
        "audit",
        "One for all",
        "What does one training for every size cost?",
        "sweep",
        ("results/audit.csv",),
    ),
    Section(
        "judges",
        "Reasonable",
        "How small is still reasonable, and by whose judgement?",
        "judges",
        ("results/knee.csv",),
    ),
    Section(
        "keeps",
        "Kept and dropped",
        "What does the code keep, and what does it drop?",
        "keeps",
        ("results/keeps.csv", "results/code_dimension.csv"),
    ),
    Section(
        "anatomy",
        "The network",
        "Where are the network’s unknowns, and where is its work?",
        "anatomy",
        ("results/anatomy.csv",),
    ),
    Section(
        "training",
        "Learning",
        "Did the network learn to tell the labels apart?",
        "training",
        ("results/training.csv",),
    ),
    Section(
        "evaluation",
        "New images",
        "How often is the network right on images new to it?",
        "evaluation",
        ("results/evaluation.csv",),
    ),
    Section(
        "filters",
        "First filters",
        "What does the first layer look for?",
        "filters",
        ("arrays/filters.npy", "results/filters.csv"),
    ),
    Section(
        "answers",
        "Units",
        "Which images does each unit answer to most?",
        "answers",
        ("results/answers.csv", "arrays/answers.npy"),
    ),
    Section(
        "profile",
        "Over depth",
        "How does the shape of the images change from layer to layer?",
        "profile",
        ("results/profile.csv",),
    ),
    Section(
        "factors",
        "Known factors",
        "Which of the causes that are known can be read from each layer?",
        "profile",
        ("results/factors.csv",),
    ),
    Section(
        "moves",
        "What moves it",
        "How far does each layer move when an image is changed?",
        "moves",
        ("results/moves.csv",),
    ),
    Section(
        "similarity",
        "Alike",
        "Which representations say the same?",
        "similarity",
        ("results/similarity.csv",),
    ),
    Section(
        "identity",
        "Who is it",
        "Which representation keeps who it is?",
        "manifold",
        ("results/layers.csv",),
    ),
    Section(
        "dimension",
        "Dimension",
        "How many degrees of freedom are left?",
        "manifold",
        ("results/layers.csv",),
    ),
    Section(
        "spectrum",
        "Linear spread",
        "How many linear directions does each use?",
        "manifold",
        ("results/spectrum.csv", "results/layers.csv"),
    ),
    Section(
        "map",
        "The map",
        "Which images does each put side by side?",
        "manifold",
        ("results/map.csv", "results/images.csv", "arrays/thumbnails.npy"),
    ),
    Section(
        "ladder",
        "Noise to face",
        "Is a random point ever a face?",
        "ladder",
        ("results/ladder.csv",),
    ),
    Section("provenance", "Provenance", "Where do these numbers come from?", "provenance"),
)
SECTIONS: dict[str, Section] = {section.name: section for section in _LINES}
