"""What belongs to the channels of a connection."""

from __future__ import annotations

import ctypes
from typing import Generic, TypeVar

from . import _library as c
from ._guard import Guard

library = c.library

Value = TypeVar("Value")

#: The number of values that are not worth a search for channels that are over.
_FEW = 32


class ByChannel(Generic[Value]):
    """A value for each channel of a connection. A program may open and close channels without end, so the values of
    channels that are over do not stay."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._values: dict[int, Value] = {}
        #: The number of values at which it looks for channels that are over.
        self._limit = _FEW

    def get(self, channel: int) -> Value | None:
        """Returns the value of a channel, or None."""
        return self._values.get(channel)

    def pop(self, channel: int) -> Value | None:
        """Removes the value of a channel, and returns it, or None."""
        return self._values.pop(channel, None)

    def set(self, channel: int, value: Value) -> None:
        """Sets the value of a channel. The caller is inside the guard."""
        if len(self._values) >= self._limit:
            self._forget()
        self._values[channel] = value

    def _forget(self) -> None:
        # The library forgets a channel only after its last message and event, and never inside a callback.
        handle, info = self._guard.handle, c.ChannelInfo(size=ctypes.sizeof(c.ChannelInfo))
        self._values = {
            channel: value
            for channel, value in self._values.items()
            if library.en_get_channel(handle, channel, ctypes.byref(info)) == c.OK
        }
        # A multiple of what stays, so that the search costs each channel little.
        self._limit = 2 * len(self._values) + _FEW
