"""The options of a connection or a server for the C library."""

from __future__ import annotations

import ctypes
import os
from typing import Union

from . import _library as c
from ._bytes import MOST_MS, milliseconds
from .errors import error_of

KIB = 1024
GIB = 1024**3

#: The path of the discovery directory.
Directory = Union[str, "os.PathLike[str]"]


def text_of(what: str, text: str) -> bytes:
    """Returns a text as the library takes it. `what` names it in an error."""
    encoded = text.encode()
    if b"\0" in encoded:
        raise error_of("InvalidParameter", f"{what} must not contain a zero character")
    return encoded


def number_of(what: str, number: int, least: int, most: int) -> int:
    """
    Returns a checked number. `what` names it in an error. The library checks it, too, but takes 0 as its default, and
    ctypes would cut a longer number.
    """
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{what} is a whole number; {type(number).__name__} was given")
    if not least <= number <= most:
        raise error_of("InvalidParameter", f"{what} is {least} to {most}; {number} was given")
    return number


def time_of(what: str, seconds: float) -> int:
    """Returns seconds, more than 0, as milliseconds."""
    return number_of(f"{what} in milliseconds", milliseconds(seconds), 1, MOST_MS)


def options_of(
    timeout: float,
    directory: Directory | None,
    secret: str | None,
    region_size: int,
    max_message_size: int,
    channel_window: int,
    max_channels: int | None,
    unresponsive_after: float,
    spin: float,
) -> c.Options:
    """Returns the options that clients and servers share, checked as far as the library can't check them."""
    return c.Options(
        size=ctypes.sizeof(c.Options),
        directory=None if directory is None else text_of("a directory", os.fspath(directory)),
        secret=None if secret is None else text_of("a secret", secret),
        region_size=number_of("region_size", region_size, 64 * KIB, GIB),
        max_message_size=number_of("max_message_size", max_message_size, 1, GIB),
        channel_window=number_of("channel_window", channel_window, 16 * KIB, GIB),
        max_channels=0 if max_channels is None else number_of("max_channels", max_channels, 0, 65535) or c.NO_CHANNELS,
        # No wait is the shortest one.
        connect_timeout_ms=milliseconds(timeout) or 1,
        unresponsive_after_ms=time_of("unresponsive_after", unresponsive_after),
        spin_us=number_of("spin in microseconds", round(spin * 1_000_000), 0, 1_000_000),
        library=f"python {c.VERSION}".encode(),
    )
