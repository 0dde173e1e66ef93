"""The findings of the study ``comparison``: a claim per kind of number, chosen by the intervals."""

from __future__ import annotations

from repviz.report.sections.comparison import claim_of
from repviz.study_folder import Study


def comparison_findings(study: Study) -> dict[str, list[str]]:
    """Sentences by the section that shows them.

    Parameters
    ----------
    study : Study
        With its tables.
    """
    table = study.result("comparison")
    return {
        "comparison": [f"{claim_of(rows)}." for _, rows in table.groupby("comparison", sort=False)]
    }
