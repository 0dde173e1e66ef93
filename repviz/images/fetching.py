"""Data sets that are downloaded once: read from the user's cache, else from the network."""

from __future__ import annotations

import http.client
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from repviz.errors import Unavailable

T = TypeVar("T")
TIMEOUT = 4.0  # seconds until a server that does not answer counts as out of reach


def load_or_download(
    name: str, home: Path, url: str, load: Callable[[], T], download: Callable[[], T], advice: str
) -> T:
    """What ``load`` returns, or, where that raises an ``OSError``, what ``download`` returns.

    Parameters
    ----------
    name : str
        The source, for the error.
    home : Path
        The folder in which the set is kept once it is there, for the error.
    url : str
        An address of the download; it is asked first, so that nobody waits for a dead network.
    load, download : callable
        Load the set from the disk; download it and load it.
    advice : str
        What else to do, for the error.

    Raises
    ------
    Unavailable
        The server does not answer, the download fails, or what is kept is damaged.
    """
    try:
        return load()
    except OSError:
        reason = _why_out_of_reach(url)
    except Exception as error:  # whatever the set's own reader makes of broken files
        raise Unavailable(
            f"open_images: the files of '{name}' in {home} must be complete, got "
            f"'{_one_line(error)}'. Delete them, so that they are downloaded again."
        ) from error
    if reason is None:
        try:
            with _limited_silence():
                return download()
        except (OSError, RuntimeError, EOFError, http.client.HTTPException) as error:
            reason = _one_line(error)
    raise Unavailable(
        f"open_images: '{name}' is not in {home}, and {url} cannot be reached ({reason}). {advice}."
    )


def _why_out_of_reach(url: str) -> str | None:
    """Why no server answers, known within a few seconds; None if one answers, whatever it says."""
    reason: list[str | None] = [f"no answer within {TIMEOUT:g} seconds"]

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT):
                reason[0] = None
        except urllib.error.HTTPError:
            reason[0] = None  # a server that refuses this question is still a server
        except (OSError, http.client.HTTPException) as error:
            reason[0] = str(getattr(error, "reason", error))

    # A thread, since looking up a host's name has no time limit of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    return reason[0]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def _limited_silence() -> Iterator[None]:
    """Within the block a connection times out after half a minute without data."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(30)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
