"""Bytes between Python and the C library."""

from __future__ import annotations

import ctypes
import math
import time
import weakref
from typing import Any, Callable

from .errors import error_of

#: Any object with the buffer protocol: bytes, bytearray, memoryview, array.array, arrays of NumPy.
Buffer = Any

#: The longest single wait inside the library. Python handles signals, such as Ctrl-C, only between two calls.
SLICE_MS = 100

#: The longest time that the library takes; about 24 days.
MOST_MS = 2**31 - 1


def address_of(data: Buffer) -> tuple[bytes | ctypes.Array[ctypes.c_char], int]:
    """
    Returns the bytes of `data` in the form that ctypes passes, and their number. It copies them only if `data` is
    read-only and not `bytes`, or if its elements are not contiguous.
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
    """Returns a copy of bytes of the library."""
    return ctypes.string_at(address, length)


class View:
    """Bytes of the library that Python code sees in place. The library must not reuse them during that time."""

    def __init__(self, address: int, length: int, is_writable: bool) -> None:
        memory = (ctypes.c_char * length).from_address(address)
        # Every view of these bytes, and every view of such a view, holds this object.
        self._memory = weakref.ref(memory)
        self._whole = memoryview(memory).cast("B")
        self.shown = self._whole if is_writable else self._whole.toreadonly()

    def release(self) -> None:
        """Ends every access. `BufferError`: an object, such as an array of NumPy, still refers to the bytes."""
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
    """Returns seconds as the milliseconds of the library, rounded up. None, no limit, becomes -1."""
    if timeout is None:
        return -1
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"a timeout is a number of seconds or None; {type(timeout).__name__} was given")
    if not timeout >= 0:
        raise error_of("InvalidParameter", f"a timeout is 0 seconds or more; {timeout} was given")
    return min(math.ceil(min(timeout, MOST_MS) * 1000), MOST_MS)


def first_slice(limit_ms: int) -> int:
    """Returns the first part of a wait of `limit_ms` milliseconds. -1: the wait has no limit."""
    return limit_ms if 0 <= limit_ms <= SLICE_MS else SLICE_MS


def in_slices(timeout: float | None, timed_out: int, call: Callable[[int], int]) -> int:
    """
    Repeats a call of the library that has no effect when its time passes, so that Python handles signals between its
    parts. `call` takes the milliseconds of a part and returns a status. Returns the last status: `timed_out` if the
    whole `timeout` has passed.
    """
    deadline = Deadline(timeout)
    part = first_slice(milliseconds(timeout))
    while True:
        status = call(part)
        part = deadline.slice_ms
        if status != timed_out or part == 0:
            return status


class Deadline:
    """A timeout that several waits share."""

    def __init__(self, timeout: float | None) -> None:
        milliseconds(timeout)
        self._end = None if timeout is None else time.monotonic() + timeout

    @property
    def slice_ms(self) -> int:
        """The longest next wait, in milliseconds; 0 after the deadline."""
        if self._end is None:
            return SLICE_MS
        return math.ceil(min(SLICE_MS, self.seconds_left * 1000))

    @property
    def seconds_left(self) -> float:
        """The time until the deadline, at least 0; infinite without one."""
        return math.inf if self._end is None else max(0.0, self._end - time.monotonic())
