"""One side of a connection."""

from __future__ import annotations

import ctypes
import logging
import threading
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Callable, ContextManager

from . import _library as c
from ._bytes import Buffer, Deadline, View, address_of, copy_from, milliseconds
from ._guard import Guard
from .channel import Channel, MessageCallback
from .errors import EntropyNetError, error_of
from .types import Event, EventType, Info, Message, Stats

library = c.library

EventCallback = Callable[[Event], object]


class Connection:
    """
    One side of a connection; `connect()` and `Server.accept()` make them. For `with` statements: it says goodbye at
    the end of the block. One thread at a time may use it: a call while another thread is inside one is a
    `RuntimeError`. `interrupt()` may be called by every thread.
    """

    def __init__(self, handle: int) -> None:
        """Takes over a connection of the C library; for `connect()` and `Server`."""
        self._guard = Guard(handle)
        #: Held for the moments in which the handle must not be freed.
        self._life = threading.Lock()
        self._message_callbacks: dict[int, Any] = {}
        self._event_callback: Any = None
        self._polling = 0
        self._retired: list[Any] = []
        self._errors: list[BaseException] = []
        self._borrowed: View | None = None
        self._claimed: View | None = None
        #: The channel without a name, which is open from the start.
        self.default_channel = Channel(self, c.DEFAULT_CHANNEL, "")
        self._channels: dict[int, Channel] = {c.DEFAULT_CHANNEL: self.default_channel}

    # ---- messages of the default channel ----

    def send(self, data: Buffer, timeout: float | None = 5.0) -> None:
        """As `Channel.send()` on the default channel."""
        self._send(c.DEFAULT_CHANNEL, data, timeout)

    def try_send(self, data: Buffer) -> None:
        """As `Channel.try_send()` on the default channel."""
        self._try_send(c.DEFAULT_CHANNEL, data)

    def claim(self, length: int) -> ContextManager[memoryview]:
        """As `Channel.claim()` on the default channel."""
        return self._claim(c.DEFAULT_CHANNEL, length)

    def receive(self, timeout: float | None = None) -> bytes:
        """As `Channel.receive()` on the default channel."""
        return self._receive(c.DEFAULT_CHANNEL, timeout).data

    def receive_any(self, timeout: float | None = None) -> Message:
        """The next message of any channel that has no callback."""
        return self._receive(c.ANY_CHANNEL, timeout)

    def borrow(self, timeout: float | None = None) -> ContextManager[memoryview]:
        """As `Channel.borrow()` on the default channel."""
        return self._borrow(c.DEFAULT_CHANNEL, timeout)

    def on_message(self, callback: MessageCallback | None, borrow: bool = False) -> None:
        """As `Channel.on_message()` on the default channel."""
        self._on_message(c.DEFAULT_CHANNEL, callback, borrow)

    def __iter__(self) -> Iterator[bytes]:
        """Every message of the default channel until the orderly end. A failure is raised."""
        return iter(self.default_channel)

    # ---- channels and events ----

    def open_channel(self, name: str, timeout: float | None = 5.0) -> Channel:
        """Opens a named channel, or gives the open one of that name, and waits for the peer's answer. A timeout of
        0 does not wait: an event `CHANNEL_ACCEPTED` or `CHANNEL_REFUSED` follows."""
        number = ctypes.c_uint64()
        encoded = name.encode()
        if b"\0" in encoded:
            raise error_of("InvalidParameter", f"a channel name has no zero character here; {name!r} was given")
        with self._guard as handle:
            c.check(library.en_open_channel(handle, encoded, milliseconds(timeout), ctypes.byref(number)))
            return self._channel(number.value)

    def on_event(self, callback: EventCallback | None) -> None:
        """Sets who takes the events; `poll()` calls it. None takes it away."""
        with self._guard as handle:
            taker = c.ON_EVENT() if callback is None else c.ON_EVENT(self._event_taker(callback))
            c.check(library.en_on_event(handle, ctypes.cast(taker, ctypes.c_void_p), None))
            self._retire(self._event_callback)
            self._event_callback = taker

    # ---- work and waiting ----

    def poll(self) -> bool:
        """
        Takes what has arrived, calls the callbacks and writes what is queued. Never waits. False once the
        connection has ended in an orderly way; a failure is raised. What a callback raised comes out of here; of
        several exceptions the first, and the others go to the logger `entropynet`.
        """
        with self._guard as handle:
            self._polling += 1
            try:
                status = library.en_poll(handle)
                error = None if status in (c.OK, c.CONNECTION_CLOSED) else c.failure(status)
            finally:
                self._polling -= 1
                if self._polling == 0:
                    self._retired.clear()
            self._raise_first()
        if error is not None:
            raise error
        return bool(status == c.OK)

    def wait(self, timeout: float | None = None) -> bool:
        """Sleeps until there is something to poll or to receive: True; False when the time was over first.
        `InterruptedWait`: `interrupt()` was called. `ClosedError` or the failure once nothing is left."""
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
        """Ends the current or the next wait with `InterruptedWait`. Every thread may call it."""
        with self._life:
            if self._guard.handle is not None:
                library.en_interrupt(self._guard.handle)

    def fileno(self) -> int:
        """The descriptor for an event loop: readable when there is something to poll, if `arm()` was true before
        the loop slept. It belongs to the connection."""
        with self._guard as handle:
            return int(library.en_descriptor(handle))

    def arm(self) -> bool:
        """Asks the peer to make the descriptor readable. False: there is something to poll already."""
        with self._guard as handle:
            return bool(library.en_arm(handle) == 1)

    # ---- the connection ----

    @property
    def state(self) -> str:
        """`connected`, `disconnected` or `failed`."""
        if self._guard.handle is None:
            return "disconnected"
        with self._guard as handle:
            return c.STATES[library.en_get_state(handle)]

    @property
    def end(self) -> EntropyNetError | None:
        """How the connection ended: `ClosedError` after a goodbye, else the failure. None while it stands."""
        with self._guard as handle:
            error = library.en_get_end(handle).contents
            if error.status == c.OK:
                return None
            return error_of(c.name_of(error.status), error.message.decode("utf-8", "replace"))

    @property
    def stats(self) -> Stats:
        """What was sent and received so far."""
        stats = c.Stats(size=ctypes.sizeof(c.Stats))
        with self._guard as handle:
            c.check(library.en_get_stats(handle, ctypes.byref(stats)))
        return Stats(*(getattr(stats, name) for name in Stats._fields))

    @property
    def info(self) -> Info:
        """What both sides agreed on."""
        info = c.ConnectionInfo(size=ctypes.sizeof(c.ConnectionInfo))
        with self._guard as handle:
            c.check(library.en_get_info(handle, ctypes.byref(info)))
        values = {name: getattr(info, name) for name in Info._fields}
        values["is_server"] = bool(values["is_server"])
        values["peer_closes_channels"] = bool(values["peer_closes_channels"])
        values["peer_library"] = info.peer_library.decode("ascii")
        return Info(**values)

    def disconnect(self, timeout: float | None = 5.0) -> None:
        """Ends the connection with a goodbye. Everything that was sent reaches the peer first; `TimedOutError`: it
        has ended, and queued messages were lost. What has arrived can still be received."""
        with self._guard as handle:
            c.check(library.en_disconnect(handle, milliseconds(timeout)))

    def close(self) -> None:
        """Disconnects without waiting, if need be, and gives everything back. Closing twice is the same as once.
        `BufferError`: an object still refers to its memory."""
        if self._guard.handle is None:
            return
        with self._guard as handle:
            for view in (self._borrowed, self._claimed):
                if view is not None:
                    view.release()
            with self._life:
                self._guard.handle = None
                library.en_connection_free(handle)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self.state == "connected":
                self.disconnect()
        finally:
            self.close()

    def __del__(self) -> None:
        if self._guard.handle is None:
            return
        warnings.warn(f"unclosed {self!r}: close it, or use it in a 'with' statement", ResourceWarning, source=self)
        try:
            self.close()
        except BufferError:
            # Somebody still looks at its memory: it stays until the process ends.
            pass

    def __repr__(self) -> str:
        return f"<entropynet.Connection {self.state}>"

    # ---- for the classes of this package ----

    def _send(self, channel: int, data: Buffer, timeout: float | None) -> None:
        pointer, length = address_of(data)
        with self._guard as handle:
            c.check(library.en_send(handle, channel, pointer, length, milliseconds(timeout)))

    def _try_send(self, channel: int, data: Buffer) -> None:
        pointer, length = address_of(data)
        with self._guard as handle:
            status = library.en_try_send(handle, channel, pointer, length)
            if status != c.OK:
                raise c.failure(status)

    @contextmanager
    def _claim(self, channel: int, length: int) -> Iterator[memoryview]:
        if isinstance(length, bool) or not isinstance(length, int):
            raise TypeError(f"a claim takes a number of bytes; {type(length).__name__} was given")
        if length < 0:
            raise error_of("InvalidParameter", f"a claim has 0 bytes or more; {length} was given")
        address = ctypes.c_void_p()
        with self._guard as handle:
            if self._claimed is not None:
                # The view of an earlier claim, which somebody kept.
                self._claimed.release()
                self._claimed = None
            c.check(library.en_claim(handle, channel, length, ctypes.byref(address)))
            view = None if address.value is None or length == 0 else View(address.value, length, True)
            self._claimed = view
        try:
            yield memoryview(b"") if view is None else view.shown
            if view is not None:
                view.release()
            self._claimed = None
        except BaseException:
            if self._guard.handle is not None:
                with self._guard as handle:
                    library.en_abort(handle)
            raise
        with self._guard as handle:
            c.check(library.en_commit(handle))

    def _next(self, channel: int, timeout: float | None) -> c.Message:
        deadline = Deadline(timeout)
        message = c.Message()
        while True:
            with self._guard as handle:
                if self._borrowed is not None:
                    # The library uses its memory again.
                    self._borrowed.release()
                    self._borrowed = None
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
        message = self._next(channel, timeout)
        if message.length == 0:
            yield memoryview(b"")
            return
        view = View(message.bytes, message.length, False)
        self._borrowed = view
        yield view.shown
        view.release()
        self._borrowed = None

    def _channel(self, number: int) -> Channel:
        known = self._channels.get(number)
        if known is not None:
            return known
        info = c.ChannelInfo(size=ctypes.sizeof(c.ChannelInfo))
        if library.en_get_channel(self._guard.handle, number, ctypes.byref(info)) != c.OK:
            # It is over, and the library has forgotten its name.
            return Channel(self, number, "")
        # Not `info.name`, which ends with the first zero.
        name = copy_from(ctypes.addressof(info) + c.ChannelInfo.name.offset, info.name_length)
        channel = Channel(self, number, name.decode())
        self._channels[number] = channel
        return channel

    def _on_message(self, channel: int, callback: MessageCallback | None, borrow: bool) -> None:
        with self._guard as handle:
            taker = c.ON_MESSAGE() if callback is None else c.ON_MESSAGE(self._message_taker(callback, borrow))
            c.check(library.en_on_message(handle, channel, ctypes.cast(taker, ctypes.c_void_p), None, c.IN_RING))
            self._retire(self._message_callbacks.pop(channel, None))
            if callback is not None:
                self._message_callbacks[channel] = taker

    def _message_taker(self, callback: MessageCallback, borrow: bool) -> Callable[[Any, Any, Any], None]:
        # Without a reference to the connection, which the library's callback would keep alive.
        errors = self._errors

        def take(_connection: Any, message: Any, _user: Any) -> None:
            try:
                address, length = message.contents.bytes, message.contents.length
                if not borrow or length == 0:
                    callback(copy_from(address, length))
                    return
                view = View(address, length, False)
                try:
                    callback(view.shown)
                finally:
                    view.release()
            except BaseException as error:  # No exception may pass through the C library.
                errors.append(error)

        return take

    def _event_taker(self, callback: EventCallback) -> Callable[[Any, Any, Any], None]:
        errors = self._errors
        connection = weakref.ref(self)

        def take(_connection: Any, event: Any, _user: Any) -> None:
            try:
                this = connection()
                if this is None:
                    return
                found = event.contents
                if found.type == EventType.CHANNEL_CLOSED:
                    channel = this._channels.pop(found.channel, None) or this._channel(found.channel)
                else:
                    channel = this._channel(found.channel)
                callback(Event(EventType(found.type), channel, c.name_of(found.status)))
            except BaseException as error:  # No exception may pass through the C library.
                errors.append(error)

        return take

    def _retire(self, taker: Any) -> None:
        if self._polling > 0 and taker is not None:
            self._retired.append(taker)

    def _raise_first(self) -> None:
        if not self._errors or self._polling > 0:
            return
        first, *others = self._errors
        self._errors.clear()
        for other in others:
            logging.getLogger("entropynet").error("a callback raised", exc_info=other)
        raise first
