"""Bottleneck sweeps: how small can a code be, and what does it still hold?"""
