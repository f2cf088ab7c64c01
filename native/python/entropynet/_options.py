"""The options of a connection or a server for the C library."""

from __future__ import annotations

import ctypes
import os
from typing import Union

from . import _library as c
from ._bytes import milliseconds
from .errors import error_of

#: The path of the discovery directory.
Directory = Union[str, "os.PathLike[str]"]


def text_of(what: str, text: str) -> bytes:
    """Returns a text as the library takes it. `what` names it in an error."""
    encoded = text.encode()
    if b"\0" in encoded:
        raise error_of("InvalidParameter", f"{what} must not contain a zero character")
    return encoded


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
    numbers = {
        "region_size": region_size,
        "max_message_size": max_message_size,
        "channel_window": channel_window,
        "max_channels": 0 if max_channels is None else max_channels or c.NO_CHANNELS,
        # The library takes 0 as the default.
        "connect_timeout_ms": milliseconds(timeout) or 1,
        "unresponsive_after_ms": milliseconds(unresponsive_after),
        "spin_us": round(spin * 1_000_000),
    }
    for name, number in numbers.items():
        # ctypes would cut a larger number.
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError(f"{name} is a whole number; {type(number).__name__} was given")
        if not 0 <= number < 2**32:
            raise error_of("InvalidParameter", f"{name} is a number of 32 bits; {number} was given")
    return c.Options(
        size=ctypes.sizeof(c.Options),
        directory=None if directory is None else text_of("a directory", os.fspath(directory)),
        secret=None if secret is None else text_of("a secret", secret),
        library=f"python {c.VERSION}".encode(),
        **numbers,
    )
