"""Activations: the outputs of a network's layers for a set of images, on disk, read lazily."""
