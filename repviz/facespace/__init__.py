"""Whether a random point is a face: samplers, judges, and the ladder between noise and faces.

    >>> from repviz.facespace import Known, calibrate, ladder, log10_accepted

Its functions share their names with files: import them from here.
"""

from repviz.facespace.acceptance import log10_accepted
from repviz.facespace.calibration import calibrate
from repviz.facespace.coding import coding_bounds
from repviz.facespace.judges import JUDGES, Judge
from repviz.facespace.known import Known
from repviz.facespace.ladder import ladder
from repviz.facespace.negatives import NEGATIVES
from repviz.facespace.panel import judge_negatives
from repviz.facespace.samplers import CONTROLS, SAMPLERS

__all__ = [
    "CONTROLS",
    "JUDGES",
    "NEGATIVES",
    "SAMPLERS",
    "Judge",
    "Known",
    "calibrate",
    "coding_bounds",
    "judge_negatives",
    "ladder",
    "log10_accepted",
]
