"""The event loop."""

from __future__ import annotations

import asyncio
import os
import threading
import unittest
from typing import Any
from unittest import mock

import entropynet
from entropynet import aio

from .support import LIMIT, PairCase


def without_looks() -> Any:
    """Makes connections that look at their peers in hours only, so that nothing but the descriptor wakes them."""
    return mock.patch.object(aio, "_LOOK_SECONDS", 10_000.0)


class Asyncio(PairCase, unittest.IsolatedAsyncioTestCase):
    async def async_pair(self, **options: Any) -> tuple[aio.AsyncConnection, aio.AsyncConnection]:
        endpoint = self.endpoint()
        server = await aio.listen(endpoint, directory=self.directory, **options)
        self.addAsyncCleanup(server.close)
        client, accepted = await asyncio.wait_for(
            asyncio.gather(aio.connect(endpoint, directory=self.directory, **options), server.accept()), LIMIT
        )
        self.addAsyncCleanup(client.close)
        self.addAsyncCleanup(accepted.close)
        return client, accepted

    async def test_messages_go_both_ways(self) -> None:
        client, server = await self.async_pair()

        async def answer() -> None:
            async for message in server:
                await server.send(message.upper())

        answering = asyncio.ensure_future(answer())
        for text in (b"one", b"two", b"three"):
            await client.send(text)
            self.assertEqual(await asyncio.wait_for(client.receive(), LIMIT), text.upper())
        await client.disconnect()
        await asyncio.wait_for(answering, LIMIT)
        self.assertEqual(server.sync.state, "disconnected")

    async def test_a_waiting_receiver_blocks_nobody(self) -> None:
        client, server = await self.async_pair()
        receiving = asyncio.ensure_future(server.receive())
        turns = 0
        for _ in range(100):
            await asyncio.sleep(0)
            turns += 1
        self.assertFalse(receiving.done())
        await client.send(b"now")
        self.assertEqual(await asyncio.wait_for(receiving, LIMIT), b"now")
        self.assertEqual(turns, 100)

    async def test_more_than_the_window_and_more_than_the_ring(self) -> None:
        client, server = await self.async_pair(region_size=65_536, channel_window=16_384)
        messages = [bytes([index]) * 3000 for index in range(100)] + [bytes(range(256)) * 2048]

        async def send_all() -> None:
            for message in messages:
                await client.send(message)

        sending = asyncio.ensure_future(send_all())
        for message in messages:
            self.assertEqual(await asyncio.wait_for(server.receive(), LIMIT), message)
        await sending

    async def test_a_long_message_goes_on_without_a_call(self) -> None:
        client, server = await self.async_pair(region_size=65_536, channel_window=16_384)
        message = bytes(range(256)) * 2048
        await client.send(message)
        # No task awaits the client, so the loop writes the rest.
        self.assertEqual(await asyncio.wait_for(server.receive(), LIMIT), message)

    async def test_a_send_without_room_can_be_cancelled(self) -> None:
        client, server = await self.async_pair(channel_window=16_384)
        sent = 0
        with self.assertRaises(asyncio.TimeoutError):
            while True:
                await asyncio.wait_for(client.send(bytes(1000)), 0.05)
                sent += 1
        await server.send(b"alive")
        self.assertEqual(await asyncio.wait_for(client.receive(), LIMIT), b"alive")
        await client.disconnect()
        self.assertEqual(len([message async for message in server]), sent)

    async def test_channels(self) -> None:
        client, server = await self.async_pair()
        scene = await asyncio.wait_for(client.open_channel("scene"), LIMIT)
        await client.send(b"node", scene)
        message = await asyncio.wait_for(server.receive_any(), LIMIT)
        self.assertEqual((message.data, message.channel.name), (b"node", "scene"))

    async def test_a_refused_channel(self) -> None:
        client, _server = await self.async_pair(max_channels=0)
        with self.assertRaises(entropynet.EntropyNetError) as raised:
            await asyncio.wait_for(client.open_channel("scene"), LIMIT)
        self.assertEqual(raised.exception.code, "ResourceLimitExceeded")

    async def test_callbacks_that_raise_reach_the_loop(self) -> None:
        client, server = await self.async_pair()
        loop = asyncio.get_running_loop()
        raised: asyncio.Future[BaseException] = loop.create_future()
        loop.set_exception_handler(lambda _loop, context: raised.set_result(context["exception"]))

        def fail(_message: bytes) -> None:
            raise KeyError("callback")

        server.sync.on_message(fail)
        await client.send(b"x")
        self.assertIsInstance(await asyncio.wait_for(raised, LIMIT), KeyError)
        self.assertEqual(server.sync.state, "connected")

    async def test_callbacks_may_raise_what_the_library_raises(self) -> None:
        loop = asyncio.get_running_loop()
        raised: asyncio.Future[BaseException] = loop.create_future()
        loop.set_exception_handler(lambda _loop, context: raised.set_result(context["exception"]))
        with without_looks():
            client, server = await self.async_pair(channel_window=16_384)

            def flood(message: bytes) -> None:
                while True:
                    server.sync.try_send(message)

            server.sync.on_message(flood)
            await client.send(bytes(1000))
            self.assertIsInstance(await asyncio.wait_for(raised, LIMIT), entropynet.WouldBlockError)
            # The descriptor still wakes the loop.
            server.sync.on_message(None)
            receiving = asyncio.ensure_future(server.receive())
            await asyncio.sleep(0)
            await client.send(b"next")
            self.assertEqual(await asyncio.wait_for(receiving, LIMIT), b"next")

    async def test_a_receiver_wakes_the_others(self) -> None:
        with without_looks():
            client, server = await self.async_pair()
            first, second = [await asyncio.wait_for(client.open_channel(name), LIMIT) for name in ("a", "b")]
            named = {name: await asyncio.wait_for(server.open_channel(name), LIMIT) for name in ("a", "b")}
            others = [asyncio.ensure_future(server.receive(channel)) for channel in (named["a"], None)]
            for _ in range(3):
                await asyncio.sleep(0)
            # The task receives what has come before the loop looks at the descriptor.
            first.try_send(b"for a")
            second.try_send(b"for b")
            self.assertEqual(await server.receive(named["b"]), b"for b")
            self.assertEqual(await asyncio.wait_for(others[0], LIMIT), b"for a")
            others[1].cancel()

    async def test_a_receiver_learns_of_the_end(self) -> None:
        client, server = await self.async_pair()
        receiving = asyncio.ensure_future(server.receive())
        await asyncio.sleep(0)
        await client.close()
        with self.assertRaises(entropynet.ClosedError):
            await asyncio.wait_for(receiving, LIMIT)
        with self.assertRaises(entropynet.ClosedError):
            await server.send(b"late")

    async def test_a_receiver_learns_of_its_own_close(self) -> None:
        _client, server = await self.async_pair()
        receiving = asyncio.ensure_future(server.receive())
        await asyncio.sleep(0)
        await server.close()
        with self.assertRaises(entropynet.ClosedError):
            await asyncio.wait_for(receiving, LIMIT)

    async def test_servers_end_their_iteration(self) -> None:
        server = await aio.listen(self.endpoint(), directory=self.directory)

        async def serve() -> int:
            return len([client async for client in server])

        serving = asyncio.ensure_future(serve())
        await asyncio.sleep(0)
        async with server:
            pass
        self.assertEqual(await asyncio.wait_for(serving, LIMIT), 0)

    async def test_nobody_listens(self) -> None:
        with self.assertRaises(entropynet.NobodyListensError):
            await aio.connect("nobody", directory=self.directory)

    async def test_a_server_that_does_not_answer(self) -> None:
        endpoint = self.endpoint()
        server = entropynet.listen(endpoint, directory=self.directory)
        self.addCleanup(server.close)
        before = os.listdir("/proc/self/fd")
        for timeout in (0, 0.05):
            with self.subTest(timeout=timeout), self.assertRaises(entropynet.TimedOutError):
                await aio.connect(endpoint, directory=self.directory, timeout=timeout)
        self.assertEqual(os.listdir("/proc/self/fd"), before)

    async def test_a_secret_that_differs(self) -> None:
        endpoint = self.endpoint()
        server = await aio.listen(endpoint, directory=self.directory, secret="a secret of the server")
        self.addAsyncCleanup(server.close)
        with self.assertRaises(entropynet.EntropyNetError) as raised:
            await aio.connect(endpoint, directory=self.directory, secret="a secret of the client")
        self.assertEqual(raised.exception.code, "HandshakeFailed")

    async def test_a_cancelled_connect_leaves_nothing(self) -> None:
        endpoint = self.endpoint()
        server = entropynet.listen(endpoint, directory=self.directory)
        self.addCleanup(server.close)
        before, threads = os.listdir("/proc/self/fd"), threading.active_count()
        connecting = asyncio.ensure_future(aio.connect(endpoint, directory=self.directory))
        await asyncio.sleep(0)
        self.assertGreater(len(os.listdir("/proc/self/fd")), len(before))
        self.assertEqual(threading.active_count(), threads)
        connecting.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await connecting
        self.assertEqual(os.listdir("/proc/self/fd"), before)
        with self.assertRaises(entropynet.WouldBlockError):
            server.accept(0)

    async def test_more_clients_than_the_queue_has_places(self) -> None:
        endpoint = self.endpoint()
        server = entropynet.listen(endpoint, directory=self.directory)
        clients = [asyncio.ensure_future(aio.connect(endpoint, directory=self.directory)) for _ in range(150)]
        await asyncio.sleep(0)
        async with aio.AsyncServer(server) as accepting:
            for _ in clients:
                await (await asyncio.wait_for(accepting.accept(), LIMIT)).close()
            for client in clients:
                await (await asyncio.wait_for(client, LIMIT)).close()
