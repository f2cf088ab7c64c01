"""Connections and servers for the event loop of asyncio. All tasks that use an object must be in one loop. No call
blocks the loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

from . import server as sync
from ._bytes import Buffer
from .channel import Channel
from .connecting import Connecting, start_connecting
from .connection import Connection
from .errors import ClosedError, EntropyNetError, WouldBlockError
from .types import Message

#: The interval at which a connection checks for a peer that stopped reading.
_LOOK_SECONDS = 1.0


class AsyncConnection:
    """
    A connection in an event loop. `connect()` and `AsyncServer.accept()` return it. `async with` disconnects and
    closes it. A channel has one consumer: `receive()`, or the callback of `sync.on_message()`.
    """

    def __init__(self, connection: Connection) -> None:
        """Adds a connection to the running loop. Do not call its `wait()` afterwards."""
        #: The connection itself, for calls that do not wait: `try_send`, `claim`, `stats`, `on_message`, `on_event`.
        self.sync = connection
        self._loop = asyncio.get_running_loop()
        self._waiters: list[asyncio.Future[None]] = []
        self._leaving: asyncio.Future[None] | None = None
        self._is_watching = True
        self._is_pump_due = False
        self._descriptor = connection.fileno()
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._descriptor, self._pump)
        self._look()

    async def send(self, data: Buffer, channel: Channel | None = None) -> None:
        """Sends a whole message. Waits for room without a limit; `asyncio.wait_for` sets one. If a task cancels the
        send during that wait, the peer does not get the message."""
        target = channel or self.sync.default_channel
        while True:
            await self._left()
            try:
                target.try_send(data)
            except WouldBlockError:
                await self._change()
            else:
                # The loop writes the rest of a long message when there is room.
                self._pump_soon()
                return

    async def receive(self, channel: Channel | None = None) -> bytes:
        """As `Channel.receive()`, without a time limit."""
        target = channel or self.sync.default_channel
        while True:
            await self._left()
            try:
                data = target.receive(0)
            except WouldBlockError:
                await self._change()
            else:
                self._pump_for_others()
                return data

    async def receive_any(self) -> Message:
        """As `Connection.receive_any()`, without a time limit."""
        while True:
            await self._left()
            try:
                message = self.sync.receive_any(0)
            except WouldBlockError:
                await self._change()
            else:
                self._pump_for_others()
                return message

    async def open_channel(self, name: str) -> Channel:
        """Opens a named channel and waits for the peer's answer. The error code `ResourceLimitExceeded`: the peer
        refused it."""
        while True:
            await self._left()
            try:
                channel = self.sync.open_channel(name, 0)
                break
            except WouldBlockError:
                await self._change()
        while channel.state == "opening":
            await self._change()
            await self._left()
        if channel.state == "closed":
            raise EntropyNetError(f"the peer refused the channel {name!r}", "ResourceLimitExceeded")
        return channel

    async def disconnect(self, timeout: float | None = 5.0) -> None:
        """As `Connection.disconnect()`, without blocking the loop."""
        if self._leaving is None:
            self._stop_watching()
            # Another thread waits for the peer. The tasks of this loop wait for that thread.
            self._leaving = self._loop.run_in_executor(None, self.sync.disconnect, timeout)
        try:
            await asyncio.shield(self._leaving)
        finally:
            self._wake()

    async def close(self) -> None:
        """Ends the connection without waiting for the peer. A second call has no effect."""
        self._stop_watching()
        if self._leaving is not None:
            await asyncio.wait([self._leaving])
        self.sync.close()
        self._wake()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[bytes]:
        while True:
            try:
                yield await self.receive()
            except ClosedError:
                return

    async def __aenter__(self) -> AsyncConnection:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self._left()
                if self.sync.state == "connected":
                    await self.disconnect()
        finally:
            await self.close()

    # ---- the loop ----

    async def _left(self) -> None:
        """Waits while another thread disconnects, because no task may use the connection then."""
        if self._leaving is not None and not self._leaving.done():
            await asyncio.wait([self._leaving])

    async def _change(self) -> None:
        """Waits for the next change of the connection."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append(waiter)
        # The descriptor becomes readable only for changes after arm().
        if self._is_watching and not self.sync.arm():
            self._pump_soon()
        try:
            await waiter
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _pump(self) -> None:
        """Handles everything that has arrived, then lets the loop sleep."""
        self._is_pump_due = False
        if not self._is_watching:
            return
        callbacks = self.sync._callbacks
        try:
            # The next call of a task raises a failure of the connection.
            if callbacks.run() is not None:
                self._stop_watching()
            elif not self.sync.arm():
                # The other tasks run first.
                self._pump_soon()
        except ClosedError:
            # The program has closed the connection below this object.
            self._stop_watching()
        except RuntimeError as error:
            # Another thread is inside a call.
            self._report(error)
            self._pump_soon()
        self._wake()
        errors = callbacks.take_errors()
        for error in errors:
            if isinstance(error, Exception):
                self._report(error)
        for error in errors:
            if not isinstance(error, Exception):
                raise error

    def _report(self, error: Exception) -> None:
        self._loop.call_exception_handler({"message": "a callback of a connection raised", "exception": error})

    def _pump_for_others(self) -> None:
        """A call that received has also taken frames and wakes that other tasks wait for."""
        if self._waiters:
            self._pump_soon()

    def _pump_soon(self) -> None:
        if self._is_pump_due or not self._is_watching:
            return
        self._is_pump_due = True
        self._loop.call_soon(self._pump)

    def _look(self) -> None:
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)
        self._pump()

    def _stop_watching(self) -> None:
        if not self._is_watching:
            return
        self._is_watching = False
        self._loop.remove_reader(self._descriptor)
        if self._timer is not None:
            self._timer.cancel()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class AsyncServer:
    """A server in an event loop. `listen()` returns it. `async with` closes it. `async for` yields its clients."""

    def __init__(self, server: sync.Server) -> None:
        """Adds a server to the running loop."""
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._descriptor = server.fileno()
        self._accepted: deque[Connection] = deque()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._failure: EntropyNetError | None = None
        self._is_closed = False
        self._loop.add_reader(self._descriptor, self._accept)

    async def accept(self) -> AsyncConnection:
        """Returns the connection of the next client. `ClosedError`: a task called `close()`."""
        while not self._accepted:
            if self._is_closed:
                raise ClosedError("this server was closed by close()", "ConnectionClosed")
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        return AsyncConnection(self._accepted.popleft())

    async def close(self) -> None:
        """Stops listening and frees the name. Clients without an `accept()` see the end of their connections. The
        others continue."""
        if self._is_closed:
            return
        self._is_closed = True
        self._loop.remove_reader(self._descriptor)
        for connection in self._accepted:
            connection.close()
        self._accepted.clear()
        self._server.close()
        self._wake()

    def __aiter__(self) -> AsyncIterator[AsyncConnection]:
        return self._clients()

    async def _clients(self) -> AsyncIterator[AsyncConnection]:
        while True:
            try:
                yield await self.accept()
            except ClosedError:
                return

    async def __aenter__(self) -> AsyncServer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _accept(self) -> None:
        try:
            while True:
                self._accepted.append(self._server.accept(0))
        except WouldBlockError:
            pass
        except EntropyNetError as error:
            self._failure = error
        if self._accepted or self._failure is not None:
            self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


async def connect(endpoint: str, **options: Any) -> AsyncConnection:
    """As `entropynet.connect()`, with the same options, in the running loop. A cancelled call leaves nothing."""
    with start_connecting(endpoint, **options) as attempt:
        while True:
            connection = attempt.poll()
            if connection is not None:
                return AsyncConnection(connection)
            await _answered(attempt)


async def listen(endpoint: str, **options: Any) -> AsyncServer:
    """As `entropynet.listen()`, with the same options, in the running loop."""
    loop = asyncio.get_running_loop()
    return AsyncServer(await loop.run_in_executor(None, lambda: sync.listen(endpoint, **options)))


async def _answered(attempt: Connecting) -> None:
    """Waits until an attempt may have something to do."""
    descriptor = attempt.fileno()
    if descriptor < 0:
        await asyncio.sleep(attempt.seconds_left)
        return
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not answered.done():
            answered.set_result(None)

    timer = loop.call_later(attempt.seconds_left, wake)
    loop.add_reader(descriptor, wake)
    try:
        await answered
    finally:
        # The descriptor goes to the connection, or ends with the attempt.
        loop.remove_reader(descriptor)
        timer.cancel()
