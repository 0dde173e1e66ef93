"""The shape of a representation: one neighbour graph serves every method.

``neighbors`` finds each row's nearest rows once; ``dimension``, ``umap`` and the quality measures
read that graph. ``pca`` is the linear view. Each method is one file and returns one small record.
"""
