"""The channels of a connection."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable, ContextManager

from . import _library as c
from ._bytes import Buffer, milliseconds
from .errors import ClosedError

if TYPE_CHECKING:
    from .connection import Connection

library = c.library

#: Takes a message: `bytes`, or a `memoryview` where it was set with `borrow`.
MessageCallback = Callable[[Any], object]


class Channel:
    """A channel of a connection. Two objects are equal if they stand for the same channel."""

    def __init__(self, connection: Connection, number: int, name: str) -> None:
        self._connection = connection
        self._number = number
        #: The name; empty for the default channel.
        self.name = name

    def send(self, data: Buffer, timeout: float | None = 5.0) -> None:
        """Sends a whole message and waits for room, up to `timeout` seconds (None: without end). `TimedOutError`:
        it is not delivered."""
        self._connection._send(self._number, data, timeout)

    def try_send(self, data: Buffer) -> None:
        """Sends without waiting. `WouldBlockError`: nothing was sent; an event `DRAIN` follows when there is room."""
        self._connection._try_send(self._number, data)

    def claim(self, length: int) -> ContextManager[memoryview]:
        """
        Room for a message of `length` bytes in the ring, for a `with` statement: `with channel.claim(4) as view:`
        gives a `memoryview` to write into. The end of the block sends the message; an exception in it gives the
        room back. Objects that refer to the view must be gone by then: otherwise nothing is sent, and that is a
        `BufferError`. Other sends raise `WouldBlockError` meanwhile.
        """
        return self._connection._claim(self._number, length)

    def receive(self, timeout: float | None = None) -> bytes:
        """The next message, after at most `timeout` seconds (None: without end; 0: at once, or `WouldBlockError`).
        At the end of the channel or the connection: `ClosedError`, or the failure."""
        return self._connection._receive(self._number, timeout).data

    def borrow(self, timeout: float | None = None) -> ContextManager[memoryview]:
        """
        As `receive()` without a copy, for a `with` statement: `with channel.borrow() as view:` gives a read-only
        `memoryview`, valid inside the block. An object that refers to it must be copied or gone at the end of the
        block: otherwise that is a `BufferError`.
        """
        return self._connection._borrow(self._number, timeout)

    def on_message(self, callback: MessageCallback | None, borrow: bool = False) -> None:
        """
        Sets who takes the messages; `Connection.poll()` calls it. None takes the callback away. It gets `bytes`;
        with `borrow` a read-only `memoryview` that is valid until it returns, which the peer can still change: copy
        what you check before you use it.
        """
        self._connection._on_message(self._number, callback, borrow)

    def close(self, timeout: float | None = 5.0) -> None:
        """Closes the channel on both sides. What was sent arrives first, and what has arrived can still be
        received."""
        with self._connection._guard as handle:
            c.check(library.en_close_channel(handle, self._number, milliseconds(timeout)))

    @property
    def state(self) -> str:
        """`opening`, `open`, `closing` or `closed`."""
        info = c.ChannelInfo(size=ctypes.sizeof(c.ChannelInfo))
        with self._connection._guard as handle:
            status = library.en_get_channel(handle, self._number, ctypes.byref(info))
        if status == c.CONNECTION_CLOSED:
            return "closed"
        c.check(status)
        return c.CHANNEL_STATES[info.state]

    def __iter__(self) -> Iterator[bytes]:
        """Every message until the orderly end. A failure is raised."""
        while True:
            try:
                yield self.receive()
            except ClosedError:
                return

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Channel) and (self._connection, self._number) == (other._connection, other._number)

    def __hash__(self) -> int:
        return hash(self._number)

    def __repr__(self) -> str:
        return f"<entropynet.Channel {self.name!r}>" if self._number else "<entropynet.Channel (default)>"
