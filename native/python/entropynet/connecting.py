"""Connecting, with and without waiting."""

from __future__ import annotations

import ctypes
import select
import time

from . import _library as c
from ._bytes import milliseconds
from ._guard import Closing, Guard
from ._options import Directory, options_of, text_of
from .connection import Connection

library = c.library


class Connecting(Closing):
    """
    An attempt to connect, for a program that must not wait. `start_connecting()` returns it. The end of a `with` block
    gives up an attempt that is under way. A connection that the attempt made stays open. One thread at a time may use
    it.
    """

    def __init__(self, handle: int) -> None:
        """Takes over an attempt of the C library. Only `start_connecting()` calls it."""
        self._guard = Guard(handle)

    def poll(self) -> Connection | None:
        """
        Continues the attempt. Never waits. Returns None as long as the server has not answered. Returns the connection
        once, and the caller closes it. Raises the errors of `connect()`, which end the attempt; then and after the
        connection, `InvalidParameterError`.
        """
        handle = ctypes.c_void_p()
        with self._guard as attempt:
            status = library.en_connect_poll(attempt, ctypes.byref(handle))
            if status == c.WOULD_BLOCK:
                return None
            c.check(status)
        return Connection(handle.value or 0)

    def fileno(self) -> int:
        """
        Returns the descriptor for an event loop. It is readable when the server has answered. -1: there is none,
        before the first `poll()` and while the queue of the server is full. Once there is one, it stays the same
        until `close()`, unless servers share the endpoint: ask again after each `poll()`. The connection owns it
        after `poll()` has returned that. Do not close it.
        """
        with self._guard as handle:
            return int(library.en_connect_descriptor(handle))

    @property
    def seconds_left(self) -> float:
        """The longest time until the next call of `poll()`, also if the descriptor is not readable: until the timeout,
        or until it is another server's turn, or some milliseconds while there is no descriptor."""
        with self._guard as handle:
            return int(library.en_connect_wait_ms(handle)) / 1000

    def close(self) -> None:
        """Gives up an attempt that is under way, and releases everything. A second call has no effect."""
        if self._guard.handle is None:
            return
        with self._guard as handle:
            self._guard.handle = None
            library.en_connect_free(handle)

    def _wait(self) -> None:
        """Sleeps until `poll()` may have something to do. Python handles signals, such as Ctrl-C, meanwhile."""
        descriptor = self.fileno()
        if descriptor < 0:
            time.sleep(self.seconds_left)
            return
        waiter = select.poll()
        waiter.register(descriptor, select.POLLIN)
        waiter.poll(milliseconds(self.seconds_left))

    def __repr__(self) -> str:
        return f"<entropynet.Connecting {'closed' if self._guard.handle is None else 'open'}>"


def connect(
    endpoint: str,
    *,
    timeout: float = 5.0,
    directory: Directory | None = None,
    secret: str | None = None,
    region_size: int = 4 * 1024 * 1024,
    max_message_size: int = 16 * 1024 * 1024,
    channel_window: int = 1024 * 1024,
    max_channels: int | None = 256,
    unresponsive_after: float = 2.0,
    spin: float = 0.0,
) -> Connection:
    """
    Connects to an endpoint, such as `canvas` or `shm://canvas`, within `timeout` seconds. `NobodyListensError`:
    there is no server.

    Sizes are in bytes, times in seconds.

    - `directory`: the directory with the names of the servers. The default is the same as in Node.js.
    - `secret`: the secret of both sides, at least 16 characters, or None on both sides.
    - `region_size`: the largest shared region, 64 KiB to 1 GiB.
    - `max_message_size`: the longest message in both directions, up to 1 GiB.
    - `channel_window`: the most bytes that the peer may send on a channel before this side takes them.
    - `max_channels`: the largest number of open named channels, 0 to 65535.
    - `unresponsive_after`: a peer that reads nothing for this time counts as unresponsive.
    - `spin`: a wait polls the ring for this time before it sleeps.
    """
    with start_connecting(
        endpoint,
        timeout=timeout,
        directory=directory,
        secret=secret,
        region_size=region_size,
        max_message_size=max_message_size,
        channel_window=channel_window,
        max_channels=max_channels,
        unresponsive_after=unresponsive_after,
        spin=spin,
    ) as attempt:
        while True:
            connection = attempt.poll()
            if connection is not None:
                return connection
            attempt._wait()


def start_connecting(
    endpoint: str,
    *,
    timeout: float = 5.0,
    directory: Directory | None = None,
    secret: str | None = None,
    region_size: int = 4 * 1024 * 1024,
    max_message_size: int = 16 * 1024 * 1024,
    channel_window: int = 1024 * 1024,
    max_channels: int | None = 256,
    unresponsive_after: float = 2.0,
    spin: float = 0.0,
) -> Connecting:
    """
    Begins to connect to an endpoint, with the options of `connect()`, and never waits. It only checks the options:
    `Connecting.poll()` does the rest. The `timeout` begins here.
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
    handle = ctypes.c_void_p()
    c.check(library.en_connect_start(text_of("an endpoint", endpoint), ctypes.byref(options), ctypes.byref(handle)))
    return Connecting(handle.value or 0)
