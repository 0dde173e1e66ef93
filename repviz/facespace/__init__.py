"""How far a random point is from a face: :data:`SAMPLERS`, a judge, and the ladder between."""

from repviz.facespace.samplers import SAMPLERS

__all__ = ["SAMPLERS"]
