"""Bytes between Python and the C library."""

from __future__ import annotations

import ctypes
import math
import time
import weakref
from typing import Any

from .errors import error_of

#: Everything that shows its bytes: bytes, bytearray, memoryview, array.array, NumPy's arrays.
Buffer = Any

#: Python runs the handlers of signals, Ctrl-C among them, between two calls of the library alone.
SLICE_MS = 100

_MOST_MS = 2**31 - 1


def address_of(data: Buffer) -> tuple[bytes | ctypes.Array[ctypes.c_char], int]:
    """
    The bytes of `data` as ctypes passes them, and how many they are. Without a copy, unless `data` is read-only and
    no `bytes`, or its elements are not one after the other.
    """
    if isinstance(data, bytes):
        return data, len(data)
    if isinstance(data, str):
        raise TypeError("a message is bytes; encode the text first, as text.encode() does")
    view = memoryview(data)
    if view.nbytes == 0:
        return b"", 0
    if view.readonly or not view.c_contiguous:
        copy = view.tobytes()
        return copy, len(copy)
    return (ctypes.c_char * view.nbytes).from_buffer(view), view.nbytes


def copy_from(address: int, length: int) -> bytes:
    """A copy of the library's bytes."""
    return ctypes.string_at(address, length)


class View:
    """Bytes of the library that Python code looks at in place. They must not be reused while somebody does."""

    def __init__(self, address: int, length: int, is_writable: bool) -> None:
        memory = (ctypes.c_char * length).from_address(address)
        # Every view of these bytes, and every view of such a view, holds this object.
        self._memory = weakref.ref(memory)
        self._whole = memoryview(memory).cast("B")
        self.shown = self._whole if is_writable else self._whole.toreadonly()

    def release(self) -> None:
        """Ends every access. Raises `BufferError` while an object, an array of NumPy for example, refers to the
        bytes."""
        try:
            self.shown.release()
            self._whole.release()
        except BufferError:
            raise BufferError(STILL_USED) from None
        if self._memory() is not None:
            raise BufferError(STILL_USED)


STILL_USED = (
    "an object, such as an array of NumPy, still refers to the bytes of a borrowed message or a claim: copy it, or "
    "delete it inside the 'with' block"
)


def milliseconds(timeout: float | None) -> int:
    """Seconds as the library takes them: rounded up, -1 without an end (None)."""
    if timeout is None:
        return -1
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"a timeout is a number of seconds or None; {type(timeout).__name__} was given")
    if not timeout >= 0:
        raise error_of("InvalidParameter", f"a timeout is 0 seconds or more; {timeout} was given")
    return min(math.ceil(min(timeout, _MOST_MS) * 1000), _MOST_MS)


class Deadline:
    """A timeout that several waits share."""

    def __init__(self, timeout: float | None) -> None:
        milliseconds(timeout)
        self._end = None if timeout is None else time.monotonic() + timeout

    @property
    def slice_ms(self) -> int:
        """How long the next wait may take, in milliseconds; 0 when the time is over."""
        if self._end is None:
            return SLICE_MS
        return min(SLICE_MS, math.ceil(max(0.0, self._end - time.monotonic()) * 1000))
