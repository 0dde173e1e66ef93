"""Whether a random point is a face: samplers, judges, and the ladder between noise and faces."""

from repviz.facespace.judges import JUDGES
from repviz.facespace.negatives import NEGATIVES
from repviz.facespace.samplers import CONTROLS, SAMPLERS

__all__ = ["CONTROLS", "JUDGES", "NEGATIVES", "SAMPLERS"]
