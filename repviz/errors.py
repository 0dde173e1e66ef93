"""The exception hierarchy: what can go wrong, and what to do about it.

::

    RepvizError         str(error) is one message: who, what must hold, what was got, what to do
    ├── InputError      an invalid argument, option or array  (ValueError)
    │   ├── UnknownName     an unknown name; the message lists the known ones (LookupError)
    │   ├── ImageError      a file that is not a readable image
    │   └── Degenerate      rows of which a quantity is not defined: too few, or all alike
    ├── Unavailable     a package, a data set or weights that this machine does not have
    └── StoreError      a folder or file on disk that cannot be used
        ├── Mismatch        it was made with other parameters; the message lists them
        └── Damaged         a file is missing, truncated or changed

The command line prints the sentence and exits with 2; library code can catch these classes.
"""

from __future__ import annotations


def escaped(text: str, *, keep: str = "") -> str:
    """``text`` with control characters, which a terminal would obey, as backslash codes.

    So are bytes of a file's name that are no UTF-8, which no stream would take; ``keep`` holds
    characters that stay as they are.
    """
    return "".join(
        char if char in keep or char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


class RepvizError(Exception):
    """Base class of all errors that repviz raises on purpose.

    Its sentence may quote a file or another library's message, so control characters in it are
    escaped.
    """

    def __str__(self) -> str:
        return escaped(super().__str__())


class InputError(RepvizError, ValueError):
    """An invalid argument, option or array."""


class UnknownName(InputError, LookupError):
    """An unknown name."""


class ImageError(InputError):
    """A file that is not a readable image."""


class Degenerate(InputError):
    """Rows of which the quantity is not defined: too few, all alike, tied or not finite.

    Where many matrices are measured, this ends one row of a table, and any other refusal ends all.
    """


class Unavailable(RepvizError):
    """A package, a data set or weights that this machine does not have."""


class StoreError(RepvizError):
    """A folder or file on disk that cannot be used."""


class Mismatch(StoreError):
    """A folder that was made with other parameters."""


class Damaged(StoreError):
    """A file that is missing, truncated or changed."""
