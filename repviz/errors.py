"""The error tree: what can go wrong, and whose move it is.

::

    RepvizError         str(error) is one sentence: who, what must hold, what was got, the cure
    ├── InputError      an argument, an option or an array is not what it must be  (ValueError)
    │   ├── UnknownName     a name that no table holds; the message lists them all (LookupError)
    │   └── ImageError      a file that is not the image it must be
    ├── Unavailable     a package, a data set or weights that this machine does not have
    └── StoreError      a folder on disk that cannot be used as it is
        ├── Mismatch        it was made with other parameters; the message names the difference
        └── Damaged         a file in it is missing, cut short or changed

The command line prints the sentence and exits with 2; a library user catches what they can mend.
"""

from __future__ import annotations


class RepvizError(Exception):
    """Anything that repviz refuses, in one sentence for a person."""


class InputError(RepvizError, ValueError):
    """An argument, an option or an array is not what it must be."""


class UnknownName(InputError, LookupError):
    """A name that no table holds."""


class ImageError(InputError):
    """A file that is not the image it must be."""


class Unavailable(RepvizError):
    """A package, a data set or weights that this machine does not have."""


class StoreError(RepvizError):
    """A folder on disk that cannot be used as it is."""


class Mismatch(StoreError):
    """A folder that was made with other parameters."""


class Damaged(StoreError):
    """A folder in which a file is missing, cut short or changed."""
