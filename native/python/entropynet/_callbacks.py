"""The callbacks of a connection, which the C library calls."""

from __future__ import annotations

import ctypes
import logging
import weakref
from typing import TYPE_CHECKING, Any, Callable

from . import _library as c
from ._by_channel import ByChannel
from ._bytes import STILL_USED, View, copy_from
from ._guard import Guard
from .errors import ClosedError, EntropyNetError
from .types import Event, EventType

if TYPE_CHECKING:
    from .channel import MessageCallback
    from .connection import Connection

library = c.library

#: Takes an event of a connection.
EventCallback = Callable[[Event], object]


class Callbacks:
    """The callbacks of one connection, and the exceptions that they raised."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._messages: ByChannel[Any] = ByChannel(guard)
        self._event: Any = None
        self._polling = 0
        #: Callbacks that were replaced while the library was inside them. They must live until it returns.
        self._retired: list[Any] = []
        self._errors: list[BaseException] = []
        #: Views that a callback got and that an object still referred to at its end, each with its memory.
        self._kept: list[tuple[View, int | None]] = []
        #: A callback closed the connection. The library frees it after the callbacks.
        self._is_free_due = False

    def set_for_messages(self, channel: int, callback: MessageCallback | None, borrow: bool) -> None:
        """Sets the callback for the messages of a channel. None removes it."""
        with self._guard as handle:
            taker = c.ON_MESSAGE() if callback is None else c.ON_MESSAGE(self._message_taker(callback, borrow))
            # While a callback reads the ring, no call of the library waits.
            flags = c.IN_RING if borrow else 0
            c.check(library.en_on_message(handle, channel, ctypes.cast(taker, ctypes.c_void_p), None, flags))
            self._retire(self._messages.pop(channel))
            if callback is not None:
                self._messages.set(channel, taker)

    def set_for_events(self, connection: Connection, callback: EventCallback | None) -> None:
        """Sets the callback for the events of the connection. None removes it."""
        with self._guard as handle:
            taker = c.ON_EVENT() if callback is None else c.ON_EVENT(self._event_taker(connection, callback))
            c.check(library.en_on_event(handle, ctypes.cast(taker, ctypes.c_void_p), None))
            self._retire(self._event)
            self._event = taker

    def run(self) -> EntropyNetError | None:
        """Calls the callbacks for everything that has arrived. Returns how the connection ended, or None.
        `take_errors()` returns the exceptions of the callbacks."""
        with self._guard as handle:
            self._polling += 1
            try:
                status = library.en_poll(handle)
                return None if status == c.OK else c.failure(status)
            finally:
                self._polling -= 1
                if self._polling == 0:
                    self._retired.clear()
                    if self._is_free_due:
                        self._free_late(handle)

    def free(self, handle: int) -> None:
        """Frees the connection. Inside a callback, it only ends: the callback may keep a view of its memory."""
        if self._polling == 0:
            library.en_connection_free(handle)
        else:
            self._is_free_due = True
            library.en_disconnect(handle, 0)

    def _free_late(self, handle: int) -> None:
        self._is_free_due = False
        try:
            self.release()
        except BufferError:
            # The memory stays, and `close()` may be called again. The caller of `run()` gets the error of the callback.
            self._guard.handle = handle
        else:
            library.en_connection_free(handle)

    def release(self) -> None:
        """Ends the views of past callbacks. `BufferError`: an object still refers to their bytes."""
        if self._polling == 0 and not _release_unused(self._kept):
            raise BufferError(STILL_USED)

    def take_errors(self) -> list[BaseException]:
        """Returns the exceptions that the callbacks raised since the last call; none inside a callback."""
        if not self._errors or self._polling > 0:
            return []
        errors = self._errors.copy()
        self._errors.clear()
        return errors

    def poll(self) -> bool:
        """As `run()`. Returns False after the orderly end of the connection. Raises the failure of the connection, or
        the first exception of a callback."""
        end = self.run()
        errors = self.take_errors()
        for other in errors[1:]:
            logging.getLogger("entropynet").error("a callback raised", exc_info=other)
        if errors:
            raise errors[0]
        if end is not None and not isinstance(end, ClosedError):
            raise end
        return end is None

    def _message_taker(self, callback: MessageCallback, borrow: bool) -> Callable[[Any, Any, Any], None]:
        # The library holds this function. A reference to the connection would keep the connection alive.
        errors, kept = self._errors, self._kept

        def take(connection: Any, message: Any, _user: Any) -> None:
            try:
                address, length = message.contents.bytes, message.contents.length
                if not borrow or length == 0:
                    callback(copy_from(address, length))
                    return
                view = View(address, length, False)
                try:
                    callback(view.shown)
                finally:
                    try:
                        view.release()
                    except BufferError:
                        _release_unused(kept)
                        # Otherwise the library would free the memory or use it again.
                        kept.append((view, library.en_take_message(connection)))
                        raise
            except BaseException as error:  # No exception may pass through the C library.
                errors.append(error)

        return take

    def _event_taker(self, connection: Connection, callback: EventCallback) -> Callable[[Any, Any, Any], None]:
        errors = self._errors
        reference = weakref.ref(connection)

        def take(_connection: Any, event: Any, _user: Any) -> None:
            try:
                this = reference()
                if this is None:
                    return
                found = event.contents
                channel = this._channel(found.channel)
                callback(Event(EventType(found.type), channel, c.name_of(found.status)))
            except BaseException as error:  # No exception may pass through the C library.
                errors.append(error)

        return take

    def _retire(self, taker: Any) -> None:
        if self._polling > 0 and taker is not None:
            self._retired.append(taker)


def _release_unused(kept: list[tuple[View, int | None]]) -> bool:
    """Ends the views to which no object refers any more, and frees their memory. Returns whether that is all."""
    used = []
    for view, memory in kept:
        try:
            view.release()
        except BufferError:
            used.append((view, memory))
        else:
            library.en_free(memory)
    kept[:] = used
    return not used
