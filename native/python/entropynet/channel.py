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

#: Takes a message: `bytes`, or with `borrow` a `memoryview`.
MessageCallback = Callable[[Any], object]


class Channel:
    """A channel of a connection. Two objects are equal if they stand for the same channel."""

    def __init__(self, connection: Connection, number: int, name: str) -> None:
        self._connection = connection
        self._number = number
        #: The name; empty for the default channel.
        self.name = name

    def send(self, data: Buffer, timeout: float | None = 5.0) -> None:
        """Sends a whole message. Waits for room, at most `timeout` seconds (None: without a limit). `TimedOutError`:
        the peer does not get the message. Ctrl-C ends the wait, but only after it if the message is longer than
        `Connection.info.max_frame_size`."""
        self._connection._send(self._number, data, timeout)

    def try_send(self, data: Buffer) -> None:
        """Sends without waiting. `WouldBlockError`: it sent nothing, and the event `DRAIN` follows when there is
        room."""
        self._connection._try_send(self._number, data)

    def claim(self, length: int) -> ContextManager[memoryview]:
        """
        Reserves room in the ring for a message of `length` bytes. `with channel.claim(4) as view:` gives a
        `memoryview` to write into. The end of the block sends the message. An exception in the block returns the
        room instead. During the block, other sends raise `WouldBlockError`. `BufferError`: at the end of the block
        an object still refers to the view, and nothing is sent. Later sends raise `BufferError` as long as it does.
        """
        return self._connection._memory.claim(self._number, length)

    def receive(self, timeout: float | None = None) -> bytes:
        """Returns the next message. Waits for it, at most `timeout` seconds (None: without a limit). With 0 it does
        not wait, and raises `WouldBlockError`. After the end of the channel or the connection: `ClosedError`, or
        the failure."""
        return self._connection._receive(self._number, timeout).data

    def borrow(self, timeout: float | None = None) -> ContextManager[memoryview]:
        """
        Receives a message without a copy. `with channel.borrow() as view:` gives a read-only `memoryview` that is
        valid inside the block. `BufferError`: at the end of the block an object still refers to the view.
        """
        return self._connection._borrow(self._number, timeout)

    def on_message(self, callback: MessageCallback | None, borrow: bool = False) -> None:
        """
        Sets the callback for messages. `Connection.poll()` calls it. None removes it. It gets `bytes`. With `borrow`
        it gets a read-only `memoryview` that is valid until it returns. The peer can still change those bytes, so
        copy them before you check them. Inside such a callback, no call waits: `send()` raises `WouldBlockError`
        without room, and `disconnect()` raises `TimedOutError` if messages are still queued.
        """
        self._connection._callbacks.set_for_messages(self._number, callback, borrow)

    def close(self, timeout: float | None = 5.0) -> None:
        """Closes the channel on both sides. Waits for the peer, at most `timeout` seconds (None: without a limit).
        The peer gets all sent messages first. Messages that have arrived can still be received."""
        with self._connection._guard as handle:
            c.check(library.en_close_channel(handle, self._number, milliseconds(timeout)))

    @property
    def state(self) -> str:
        """The state: `opening`, `open`, `closing` or `closed`."""
        info = c.ChannelInfo(size=ctypes.sizeof(c.ChannelInfo))
        with self._connection._guard as handle:
            status = library.en_get_channel(handle, self._number, ctypes.byref(info))
        if status == c.CONNECTION_CLOSED:
            return "closed"
        c.check(status)
        return c.CHANNEL_STATES[info.state]

    def __iter__(self) -> Iterator[bytes]:
        """Yields every message until the orderly end. Raises a failure."""
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
