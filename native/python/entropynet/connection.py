"""One side of a connection."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, ContextManager

from . import _library as c
from ._by_channel import ByChannel
from ._bytes import SLICE_MS, Buffer, Deadline, address_of, copy_from, first_slice, in_slices, milliseconds
from ._callbacks import Callbacks, EventCallback
from ._guard import Closing, Guard
from ._memory import Memory
from .channel import Channel, MessageCallback
from .errors import EntropyNetError, error_of
from .types import Info, Message, Stats

library = c.library


class Connection(Closing):
    """
    One side of a connection. `connect()` and `Server.accept()` return it. A `with` statement disconnects and closes
    it at the end of its block. Only one thread at a time may use it: a call during a call of another thread raises
    `RuntimeError`. Every thread may call `interrupt()`.
    """

    def __init__(self, handle: int) -> None:
        """Takes over a connection of the C library. Only `connect()` and `Server` call it."""
        self._guard = Guard(handle)
        #: Nobody may free the handle while a thread holds this lock.
        self._life = threading.Lock()
        self._callbacks = Callbacks(self._guard)
        self._memory = Memory(self._guard)
        #: The channel without a name, which is open from the start.
        self.default_channel = Channel(self, c.DEFAULT_CHANNEL, "")
        self._channels: ByChannel[Channel] = ByChannel(self._guard)
        self._channels.set(c.DEFAULT_CHANNEL, self.default_channel)
        self._longest_frame = self.info.max_frame_size

    # ---- messages of the default channel ----

    def send(self, data: Buffer, timeout: float | None = 5.0) -> None:
        """As `Channel.send()` on the default channel."""
        self._send(c.DEFAULT_CHANNEL, data, timeout)

    def try_send(self, data: Buffer) -> None:
        """As `Channel.try_send()` on the default channel."""
        self._try_send(c.DEFAULT_CHANNEL, data)

    def claim(self, length: int) -> ContextManager[memoryview]:
        """As `Channel.claim()` on the default channel."""
        return self._memory.claim(c.DEFAULT_CHANNEL, length)

    def receive(self, timeout: float | None = None) -> bytes:
        """As `Channel.receive()` on the default channel."""
        return self._receive(c.DEFAULT_CHANNEL, timeout).data

    def receive_any(self, timeout: float | None = None) -> Message:
        """Returns the next message of any channel without a callback, with that channel. The rest is as in
        `Channel.receive()`."""
        return self._receive(c.ANY_CHANNEL, timeout)

    def borrow(self, timeout: float | None = None) -> ContextManager[memoryview]:
        """As `Channel.borrow()` on the default channel."""
        return self._borrow(c.DEFAULT_CHANNEL, timeout)

    def on_message(self, callback: MessageCallback | None, borrow: bool = False) -> None:
        """As `Channel.on_message()` on the default channel."""
        self._callbacks.set_for_messages(c.DEFAULT_CHANNEL, callback, borrow)

    def __iter__(self) -> Iterator[bytes]:
        """Yields every message of the default channel until the orderly end. Raises a failure."""
        return iter(self.default_channel)

    # ---- channels and events ----

    def open_channel(self, name: str, timeout: float | None = 5.0) -> Channel:
        """Opens a named channel, or returns the open one of that name. Waits for the peer's answer, at most
        `timeout` seconds (None: without a limit). With a timeout of 0 it does not wait, and the event
        `CHANNEL_ACCEPTED` or `CHANNEL_REFUSED` follows."""
        number = ctypes.c_uint64()
        encoded = name.encode()
        if b"\0" in encoded:
            raise error_of("InvalidParameter", f"a channel name must not contain a zero character; {name!r} was given")
        with self._guard as handle:
            reference = ctypes.byref(number)
            status = in_slices(
                timeout, c.TIMEOUT, lambda ms: library.en_open_channel(handle, encoded, ms, reference)
            )
            c.check(status)
            return self._channel(number.value)

    def on_event(self, callback: EventCallback | None) -> None:
        """Sets the callback for events. `poll()` calls it. None removes it."""
        self._callbacks.set_for_events(self, callback)

    # ---- work and waiting ----

    def poll(self) -> bool:
        """
        Handles everything that has arrived, calls the callbacks, and writes queued messages. It never waits. It
        returns False after the orderly end of the connection, and raises a failure. If callbacks raise exceptions,
        it raises the first one and logs the others with the logger `entropynet`.
        """
        return self._callbacks.poll()

    def wait(self, timeout: float | None = None) -> bool:
        """Sleeps until there is something to poll or to receive, at most `timeout` seconds (None: without a limit).
        Returns whether there is something. `InterruptedWait`: a thread called `interrupt()`. After the end of the
        connection, when nothing is left to receive: `ClosedError`, or the failure."""
        deadline = Deadline(timeout)
        while True:
            with self._guard as handle:
                step = deadline.slice_ms
                status = library.en_wait(handle, step)
                if status == c.OK:
                    return True
                if status not in (c.TIMEOUT, c.WOULD_BLOCK):
                    raise c.failure(status)
            if deadline.slice_ms == 0:
                return False

    def interrupt(self) -> None:
        """Ends the present wait, or else the next one, with `InterruptedWait`. Every thread may call it."""
        with self._life:
            if self._guard.handle is not None:
                library.en_interrupt(self._guard.handle)

    def fileno(self) -> int:
        """Returns the descriptor for an event loop. It becomes readable when there is something to poll, if `arm()`
        returned True before the loop slept. The connection owns it: do not close it."""
        with self._guard as handle:
            return int(library.en_descriptor(handle))

    def arm(self) -> bool:
        """Asks the peer to make the descriptor readable. Returns False if there is something to poll already. Call it
        last before the loop sleeps: `send()` and each other call that waits undo it, and `receive()` may keep messages
        for callbacks."""
        with self._guard as handle:
            return bool(library.en_arm(handle) == 1)

    # ---- the connection ----

    @property
    def state(self) -> str:
        """The state: `connected`, `disconnected` or `failed`."""
        if self._guard.handle is None:
            return "disconnected"
        with self._guard as handle:
            return c.STATES[library.en_get_state(handle)]

    @property
    def end(self) -> EntropyNetError | None:
        """The end of the connection: `ClosedError` after a goodbye, otherwise the failure. None before the end."""
        with self._guard as handle:
            error = library.en_get_end(handle).contents
            if error.status == c.OK:
                return None
            return error_of(c.name_of(error.status), error.message.decode("utf-8", "replace"))

    @property
    def stats(self) -> Stats:
        """The numbers of bytes and messages so far."""
        stats = c.Stats(size=ctypes.sizeof(c.Stats))
        with self._guard as handle:
            c.check(library.en_get_stats(handle, ctypes.byref(stats)))
        return Stats(*(getattr(stats, name) for name in Stats._fields))

    @property
    def info(self) -> Info:
        """The values that both sides agreed on, and the limits of the peer."""
        info = c.ConnectionInfo(size=ctypes.sizeof(c.ConnectionInfo))
        with self._guard as handle:
            c.check(library.en_get_info(handle, ctypes.byref(info)))
        values = {name: getattr(info, name) for name in Info._fields}
        values["is_server"] = bool(values["is_server"])
        values["peer_closes_channels"] = bool(values["peer_closes_channels"])
        values["peer_library"] = info.peer_library.decode("ascii")
        return Info(**values)

    def disconnect(self, timeout: float | None = 5.0) -> None:
        """Ends the connection with a goodbye. The peer gets all sent messages first. `TimedOutError`: the connection
        has ended, and queued messages are lost. Messages that have arrived can still be received. A claim sends
        nothing. Ctrl-C takes effect after the wait. `BufferError`: an object still refers to the bytes of a claim."""
        with self._guard as handle:
            self._memory.release_claimed()
            c.check(library.en_disconnect(handle, milliseconds(timeout)))

    def close(self) -> None:
        """Disconnects without waiting, unless the connection has ended, and releases everything. A second call has
        no effect. `BufferError`: an object still refers to the memory of the connection. After a call inside a
        callback, `poll()` raises that, and `close()` may be called again."""
        if self._guard.handle is None:
            return
        with self._guard as handle:
            self._memory.release()
            self._callbacks.release()
            with self._life:
                self._guard.handle = None
                self._callbacks.free(handle)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self.state == "connected":
                self.disconnect()
        finally:
            self.close()

    def __del__(self) -> None:
        try:
            super().__del__()
        except BufferError:
            # An object still refers to its memory, which therefore stays until the process ends.
            pass

    def __repr__(self) -> str:
        return f"<entropynet.Connection {self.state}>"

    # ---- for the classes of this package ----

    def _send(self, channel: int, data: Buffer, timeout: float | None) -> None:
        pointer, length = address_of(data)
        limit = milliseconds(timeout)
        # A wait that ends between the frames of a longer message would give up the message.
        part = limit if length > self._longest_frame else first_slice(limit)
        with self._guard as handle:
            if self._memory.is_given_up:
                self._memory.give_up(handle)
            status = library.en_send(handle, channel, pointer, length, part)
            if status == c.TIMEOUT and part != limit:
                rest = None if timeout is None else timeout - SLICE_MS / 1000
                status = in_slices(rest, c.TIMEOUT, lambda ms: library.en_send(handle, channel, pointer, length, ms))
            c.check(status)

    def _try_send(self, channel: int, data: Buffer) -> None:
        pointer, length = address_of(data)
        with self._guard as handle:
            if self._memory.is_given_up:
                self._memory.give_up(handle)
            status = library.en_try_send(handle, channel, pointer, length)
            if status != c.OK:
                raise c.failure(status)

    def _next(self, channel: int, timeout: float | None) -> c.Message:
        deadline = Deadline(timeout)
        message = c.Message()
        while True:
            with self._guard as handle:
                self._memory.release_borrowed()
                status = library.en_receive(handle, channel, ctypes.byref(message))
                if status == c.OK:
                    return message
                if status != c.WOULD_BLOCK:
                    raise c.failure(status)
                step = deadline.slice_ms
                if step == 0:
                    if timeout == 0:
                        raise c.failure(status)
                    raise error_of("Timeout", f"no message came within {timeout} seconds")
                status = library.en_wait(handle, step)
                if status not in (c.OK, c.TIMEOUT, c.WOULD_BLOCK):
                    raise c.failure(status)

    def _receive(self, channel: int, timeout: float | None) -> Message:
        message = self._next(channel, timeout)
        return Message(copy_from(message.bytes, message.length), self._channel(message.channel))

    @contextmanager
    def _borrow(self, channel: int, timeout: float | None) -> Iterator[memoryview]:
        with self._memory.show(self._next(channel, timeout)) as view:
            yield view

    def _channel(self, number: int) -> Channel:
        known = self._channels.get(number)
        if known is not None:
            return known
        info = c.ChannelInfo(size=ctypes.sizeof(c.ChannelInfo))
        if library.en_get_channel(self._guard.handle, number, ctypes.byref(info)) != c.OK:
            # The channel has ended, and the library no longer knows its name.
            return Channel(self, number, "")
        # `info.name` would end at the first zero.
        name = copy_from(ctypes.addressof(info) + c.ChannelInfo.name.offset, info.name_length)
        channel = Channel(self, number, name.decode())
        self._channels.set(number, channel)
        return channel
