"""Activations: what the layers of a network answer to images, kept in a folder and read lazily."""
