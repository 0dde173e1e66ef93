"""The estimators of intrinsic dimension: one file each."""
