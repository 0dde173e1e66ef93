"""The explorer in a notebook: an iframe that contains the whole page and needs no server."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from repviz import checks
from repviz.errors import InputError
from repviz.report.page import explorer_page

if TYPE_CHECKING:
    import pandas as pd

    from repviz.study_folder import Study

HEIGHT = 900  # CSS pixels of a frame


@dataclass(frozen=True)
class Explorer:
    """The explorer of a study or of activations, which a notebook shows inline.

    Attributes
    ----------
    page : str
        The page as HTML: it holds everything, and its content security policy lets it ask for
        nothing.
    height : int
        CSS pixels of the frame.
    """

    page: str = field(repr=False)
    height: int = HEIGHT

    def _repr_html_(self) -> str:
        # Scripts run in an origin of their own: the page reads nothing of the notebook's.
        return (
            f'<iframe srcdoc="{escape(self.page)}" title="Map of the images" '
            'sandbox="allow-scripts allow-downloads" allow="clipboard-write" '
            f'style="width: 100%; height: {self.height}px; border: 0"></iframe>'
        )

    def selection(self, link: str) -> pd.DataFrame:
        """The images that are selected: :func:`repviz.selection` of this page.

        Parameters
        ----------
        link : str
            What the button "Copy link" of the explorer gives: ``#map?key=...&rows=...``.
        """
        from repviz.report.selection import selection

        return selection(self, link)


def show(study: Study, *, height: int = HEIGHT) -> Explorer:
    """The explorer of a study, for the end of a notebook's cell.

    Parameters
    ----------
    study : Study
        One that has a map of its images.
    height : int
        CSS pixels of the frame, from 200.

    Raises
    ------
    InputError
        The study has no map.
    """
    height = checks.integer("show", "height", height, low=200)
    if not study.has("results/map.csv", "results/images.csv"):
        raise InputError(
            f"show: the study must have a map of its images, got none in {study.folder}. Open its "
            "report instead: study.report."
        )
    return Explorer(explorer_page(study), height)
