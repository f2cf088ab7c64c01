"""Serving."""

from __future__ import annotations

import ctypes
import logging
import threading
from collections.abc import Iterator
from typing import Any, Callable

from . import _library as c
from ._bytes import Deadline
from ._guard import Closing, Guard
from ._options import Directory, number_of, options_of, text_of, time_of
from .connection import Connection
from .errors import InterruptedWait, error_of

library = c.library


class _Admission:
    """The function that decides about each client. The library calls it inside `Server.accept()`."""

    def __init__(self, admit: Callable[[], bool] | None) -> None:
        self._admit = admit
        self._is_asking = False
        #: What it raised to end the program, such as `KeyboardInterrupt`.
        self.raised: list[BaseException] = []

    def ask(self, _user: Any) -> int:
        """Returns the status for a client."""
        self._is_asking = True
        try:
            return c.OK if self._admit is None or self._admit() else c.RESOURCE_LIMIT_EXCEEDED
        except Exception:
            logging.getLogger("entropynet").exception("admit raised; the client is refused")
            return c.RESOURCE_LIMIT_EXCEEDED
        except BaseException as error:  # No exception may pass through the C library: it would admit the client.
            self.raised.append(error)
            return c.RESOURCE_LIMIT_EXCEEDED
        finally:
            self._is_asking = False

    def check_use(self) -> None:
        """Raises `RuntimeError` inside that function: the library would use a server that it has freed."""
        if self._is_asking:
            raise RuntimeError("'admit' must not use its server")


class Server(Closing):
    """
    A server that clients connect to. `listen()` returns it. A `with` statement closes it at the end of its block.
    Accepted connections continue. Only one thread at a time may use it. Every thread may call `interrupt()`.
    """

    def __init__(self, handle: int, taker: Any, admission: _Admission) -> None:
        """Takes over a server of the C library. Only `listen()` calls it."""
        self._guard = Guard(handle)
        self._life = threading.Lock()
        # The library calls it until the server is freed.
        self._taker = taker
        self._admission = admission
        #: Clients that were ready in a call that had to raise.
        self._ready: list[Connection] = []

    def accept(self, timeout: float | None = None) -> Connection:
        """Returns the connection of the next client. Waits for it, at most `timeout` seconds (None: without a
        limit). With 0 it does not wait, and raises `WouldBlockError`. Handshakes make progress only inside this
        call, so call it often."""
        deadline = Deadline(timeout)
        handle = ctypes.c_void_p()
        while True:
            with self._guard as server:
                self._admission.check_use()
                if self._ready:
                    return self._ready.pop(0)
                status = library.en_accept(server, deadline.slice_ms, ctypes.byref(handle))
                if status == c.OK:
                    self._ready.append(Connection(handle.value or 0))
                if self._admission.raised:
                    raise self._admission.raised.pop(0)
                if self._ready:
                    return self._ready.pop(0)
                if status not in (c.TIMEOUT, c.WOULD_BLOCK) or timeout == 0:
                    raise c.failure(status)
            if deadline.slice_ms == 0:
                raise error_of("Timeout", f"no client came within {timeout} seconds")

    def __iter__(self) -> Iterator[Connection]:
        """Yields the connection of every client until a thread calls `interrupt()`."""
        while True:
            try:
                yield self.accept()
            except InterruptedWait:
                return

    def interrupt(self) -> None:
        """Ends the present `accept()`, or else the next one, with `InterruptedWait`. Every thread may call it."""
        with self._life:
            if self._guard.handle is not None:
                library.en_server_interrupt(self._guard.handle)

    def fileno(self) -> int:
        """Returns the descriptor for an event loop. It is readable when `accept(0)` has something to do. The server
        owns it: do not close it."""
        with self._guard as handle:
            return int(library.en_server_descriptor(handle))

    def close(self) -> None:
        """Stops listening and frees the name. Clients without an `accept()` see the end of their connections. A
        second call has no effect."""
        if self._guard.handle is None:
            return
        with self._guard as handle, self._life:
            self._admission.check_use()
            self._guard.handle = None
            library.en_server_free(handle)
        for connection in self._ready:
            connection.close()

    def __repr__(self) -> str:
        return f"<entropynet.Server {'closed' if self._guard.handle is None else 'listening'}>"


def listen(
    endpoint: str,
    *,
    admit: Callable[[], bool] | None = None,
    max_connections: int = 1024,
    handshake_timeout: float = 5.0,
    timeout: float = 5.0,
    directory: Directory | None = None,
    secret: str | None = None,
    region_size: int = 4 * 1024 * 1024,
    max_message_size: int = 16 * 1024 * 1024,
    channel_window: int = 1024 * 1024,
    max_channels: int | None = 256,
    unresponsive_after: float = 2.0,
    spin: float = 0.0,
) -> Server:
    """
    Listens on an endpoint. The error code `AddressInUse`: a living server has the name.

    - `admit`: `accept()` calls it for each client. It must not use the server. If it returns False, the server
      refuses the client with `ResourceLimitExceeded`. The server does the same if it raises an exception, and logs
      that exception. `accept()` raises what ends a program, such as `KeyboardInterrupt`.
    - `max_connections`: the largest number of open connections.
    - `handshake_timeout`: the time limit for the handshake of a client.
    - `timeout`: the time limit for taking the name while another server locks it.

    The other options are those of `connect()`.
    """
    options = options_of(
        timeout,
        directory,
        secret,
        region_size,
        max_message_size,
        channel_window,
        max_channels,
        unresponsive_after,
        spin,
    )
    options.handshake_timeout_ms = time_of("handshake_timeout", handshake_timeout)
    options.max_connections = number_of("max_connections", max_connections, 1, 65536)
    admission = _Admission(admit)
    taker = c.ADMIT() if admit is None else c.ADMIT(admission.ask)
    options.admit = taker
    handle = ctypes.c_void_p()
    c.check(library.en_listen(text_of("an endpoint", endpoint), ctypes.byref(options), ctypes.byref(handle)))
    return Server(handle.value or 0, taker, admission)
