"""Bottleneck sweeps: reconstruction error against code size, and what the codes contain."""
