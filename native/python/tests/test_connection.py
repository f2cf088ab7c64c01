"""Channels, ends and threads."""

from __future__ import annotations

import gc
import math
import pickle
import signal
import threading
import time
import unittest
import warnings
import weakref
from collections.abc import Callable

import entropynet

from .support import LIMIT, InThread, PairCase


class Channels(PairCase):
    def test_have_names_and_their_own_messages(self) -> None:
        client, server = self.pair()
        opened: list[str] = []
        server.on_event(lambda event: opened.append(event.channel.name))
        opening = InThread(lambda: client.open_channel("Szene ä", LIMIT))
        self.poll_until(server, lambda: opened != [])
        scene = opening.result()
        self.assertEqual((opened, scene.name, scene.state), (["Szene ä"], "Szene ä", "open"))
        scene.send(b"node")
        client.send(b"default")
        received = (server.receive_any(LIMIT), server.receive_any(LIMIT))
        found = {(message.data, message.channel.name) for message in received}
        self.assertEqual(found, {(b"node", "Szene ä"), (b"default", "")})
        theirs = server.open_channel("Szene ä", LIMIT)
        self.assertIs(theirs, server.open_channel("Szene ä", LIMIT))
        closing = InThread(lambda: scene.close(LIMIT))
        self.poll_until(server, lambda: theirs.state == "closed")
        closing.result()
        with self.assertRaises(entropynet.ClosedError):
            theirs.try_send(b"late")

    def test_have_impossible_names(self) -> None:
        client, _server = self.pair()
        for name in ("", "a\0b", "x" * 256):
            with self.assertRaises(ValueError):
                client.open_channel(name)
        with self.assertRaises(ValueError):
            client.default_channel.close()

    def test_are_forgotten_with_their_callbacks(self) -> None:
        client, server = self.pair()
        alive: weakref.WeakSet[object] = weakref.WeakSet()

        def open_and_close() -> None:
            def take(_message: object) -> None:
                pass

            channel = client.open_channel("a", 0)
            channel.on_message(take)
            alive.add(take)
            alive.add(channel)
            channel.close(0)
            while channel.state != "closed":
                server.poll()
                client.poll()

        for _ in range(200):
            open_and_close()
        gc.collect()
        self.assertLess(len(alive), 100)

    def test_have_one_consumer(self) -> None:
        client, _server = self.pair()
        client.on_message(lambda _message: None)
        with self.assertRaises(entropynet.EntropyNetError) as raised:
            client.receive(0)
        self.assertEqual(raised.exception.code, "AlreadyExists")


class Ends(PairCase):
    def test_with_a_goodbye(self) -> None:
        client, server = self.pair()
        with client:
            client.send(b"last")
        self.assertEqual(list(server), [b"last"])
        self.assertEqual(server.state, "disconnected")
        self.assertIsInstance(server.end, entropynet.ClosedError)
        with self.assertRaises(ConnectionError):
            server.send(b"late")
        with self.assertRaisesRegex(entropynet.ClosedError, "close"):
            client.send(b"late")
        client.close()

    def test_without_anybody_there(self) -> None:
        with self.assertRaises(ConnectionError) as raised:
            entropynet.connect("nobody", directory=self.directory)
        error = raised.exception
        assert isinstance(error, entropynet.NobodyListensError)
        self.assertEqual(error.code, "TransportUnavailable")
        self.assertIn("nobody", str(error))
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((type(again), again.code, str(again)), (type(error), error.code, str(error)))

    def test_secrets_that_differ(self) -> None:
        endpoint = self.endpoint()
        with entropynet.listen(endpoint, directory=self.directory, secret="a secret of the server") as server:
            connecting = InThread(
                lambda: entropynet.connect(endpoint, directory=self.directory, secret="a secret of the client")
            )
            with self.assertRaises(TimeoutError):
                server.accept(0.5)
            with self.assertRaises(entropynet.EntropyNetError) as raised:
                connecting.result()
        self.assertEqual(raised.exception.code, "HandshakeFailed")

    def test_clients_are_admitted_or_not(self) -> None:
        endpoint = self.endpoint()

        def admit() -> bool:
            raise RuntimeError("no")

        server = entropynet.listen(endpoint, directory=self.directory, admit=admit)
        with self.assertLogs("entropynet"), server:
            connecting = InThread(lambda: entropynet.connect(endpoint, directory=self.directory))
            with self.assertRaises(TimeoutError):
                server.accept(0.5)
            with self.assertRaises(entropynet.EntropyNetError) as raised:
                connecting.result()
        self.assertEqual(raised.exception.code, "ResourceLimitExceeded")

    def test_admit_can_not_use_its_server(self) -> None:
        endpoint = self.endpoint()
        uses: list[Callable[[], object]] = [lambda: server.close(), lambda: server.accept(0)]

        def admit() -> bool:
            if uses:
                uses.pop()()
            return True

        with entropynet.listen(endpoint, directory=self.directory, admit=admit) as server:
            while uses:
                connecting = InThread(lambda: entropynet.connect(endpoint, directory=self.directory))
                with self.assertLogs("entropynet") as logs, self.assertRaises(TimeoutError):
                    server.accept(0.5)
                self.assertIn("RuntimeError: 'admit' must not use its server", logs.output[0])
                with self.assertRaises(entropynet.EntropyNetError) as raised:
                    connecting.result()
                self.assertEqual(raised.exception.code, "ResourceLimitExceeded")
            connecting = InThread(lambda: entropynet.connect(endpoint, directory=self.directory))
            with server.accept(LIMIT), connecting.result():
                pass

    def test_no_client_is_admitted_by_an_interrupt(self) -> None:
        endpoint = self.endpoint()
        interrupts = [KeyboardInterrupt()]

        def admit() -> bool:
            if interrupts:
                raise interrupts.pop()
            return True

        with entropynet.listen(endpoint, directory=self.directory, admit=admit) as server:
            connecting = InThread(lambda: entropynet.connect(endpoint, directory=self.directory))
            with self.assertRaises(KeyboardInterrupt):
                server.accept(LIMIT)
            with self.assertRaises(entropynet.EntropyNetError) as raised:
                connecting.result()
            self.assertEqual(raised.exception.code, "ResourceLimitExceeded")
            connecting = InThread(lambda: entropynet.connect(endpoint, directory=self.directory))
            with server.accept(LIMIT), connecting.result():
                pass

    def test_two_servers_of_one_name(self) -> None:
        endpoint = self.endpoint()
        with entropynet.listen(endpoint, directory=self.directory):
            with self.assertRaises(entropynet.EntropyNetError) as raised:
                entropynet.listen(endpoint, directory=self.directory)
        self.assertEqual(raised.exception.code, "AddressInUse")

    def test_options_that_are_not_allowed(self) -> None:
        for options, kind, message in (
            ({"region_size": 5}, ValueError, "region_size is 65536 to 1073741824; 5 was given"),
            ({"region_size": 0}, ValueError, "region_size is 65536 to 1073741824; 0 was given"),
            ({"region_size": 2**40}, ValueError, "region_size is 65536 to 1073741824; 1099511627776 was given"),
            ({"region_size": "4 MiB"}, TypeError, "region_size is a whole number; str was given"),
            ({"max_message_size": 0}, ValueError, "max_message_size is 1 to 1073741824; 0 was given"),
            ({"channel_window": -1}, ValueError, "channel_window is 16384 to 1073741824; -1 was given"),
            ({"max_channels": 65536}, ValueError, "max_channels is 0 to 65535; 65536 was given"),
            ({"unresponsive_after": 0}, ValueError, "unresponsive_after in milliseconds is 1 to 2147483647; 0 was"),
            ({"spin": 2}, ValueError, "spin in microseconds is 0 to 1000000; 2000000 was given"),
            ({"timeout": -1}, ValueError, "a timeout is 0 seconds or more; -1 was given"),
            ({"secret": "short"}, ValueError, "secret has 5 characters. 16 or more are allowed."),
            ({"secret": "sixteen charac\0ters"}, ValueError, "a secret must not contain a zero character"),
        ):
            with self.subTest(options=options), self.assertRaisesRegex(kind, message):
                entropynet.connect("any", directory=self.directory, **options)  # type: ignore[arg-type]
        with self.assertRaises(ValueError):
            entropynet.connect("", directory=self.directory)
        for of_a_server, message in (
            ({"handshake_timeout": 0}, "handshake_timeout in milliseconds is 1 to 2147483647; 0 was given"),
            ({"max_connections": 0}, "max_connections is 1 to 65536; 0 was given"),
        ):
            with self.subTest(options=of_a_server), self.assertRaisesRegex(ValueError, message):
                entropynet.listen("any", directory=self.directory, **of_a_server)  # type: ignore[arg-type]

    def test_an_unclosed_connection_is_a_warning(self) -> None:
        endpoint = self.endpoint()
        with entropynet.listen(endpoint, directory=self.directory) as server:
            connecting = InThread(lambda: entropynet.connect(endpoint, directory=self.directory))
            with server.accept(LIMIT):
                client = connecting.result()
                del connecting
                client.on_event(lambda _event: None)
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    del client
                    gc.collect()
        self.assertEqual([warning.category for warning in caught], [ResourceWarning])


class Threads(PairCase):
    def test_one_thread_at_a_time(self) -> None:
        client, _server = self.pair()
        waiting = InThread(lambda: client.wait(LIMIT))
        with self.assertRaisesRegex(RuntimeError, "thread"):
            # The other thread may not have begun yet, and it leaves the guard between two waits.
            while True:
                client.arm()
        client.interrupt()
        with self.assertRaises(entropynet.InterruptedWait):
            waiting.result()

    @unittest.skipUnless(threading.current_thread() is threading.main_thread(), "signals are the main thread's")
    def test_a_signal_ends_a_wait(self) -> None:
        client, server = self.pair(region_size=65536)
        endpoint = self.endpoint()
        self.addCleanup(entropynet.listen(endpoint, directory=self.directory).close)

        def stop(_signal: int, _frame: object) -> None:
            raise KeyboardInterrupt

        def fill() -> None:
            while True:
                server.send(bytes(1000), None)

        waits = {
            "receive": client.receive,
            "wait": client.wait,
            "open_channel": lambda: client.open_channel("unanswered", None),
            "send": fill,
            "connect": lambda: entropynet.connect(endpoint, timeout=10_000, directory=self.directory),
        }
        before = signal.signal(signal.SIGALRM, stop)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        for name, wait in waits.items():
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with self.subTest(name), self.assertRaises(KeyboardInterrupt):
                wait()
        client.send(b"still usable")

    def test_a_timeout_may_be_infinite(self) -> None:
        client, server = self.pair()
        server.send(b"one")
        self.assertEqual(client.receive(math.inf), b"one")
        receiving = InThread(lambda: client.receive(math.inf))
        server.send(b"two", math.inf)
        self.assertEqual(receiving.result(), b"two")

    def test_a_send_in_parts_has_one_timeout(self) -> None:
        client, _server = self.pair(region_size=65536)
        with self.assertRaises(entropynet.WouldBlockError):
            while True:
                client.try_send(bytes(1000))
        began = time.monotonic()
        with self.assertRaises(entropynet.TimedOutError):
            client.send(bytes(1000), 0.25)
        self.assertGreaterEqual(time.monotonic() - began, 0.25)

    def test_a_message_wakes_a_sleeper(self) -> None:
        client, server = self.pair()
        receiving = InThread(lambda: server.receive(LIMIT))
        time.sleep(0)
        client.send(b"wake")
        self.assertEqual(receiving.result(), b"wake")
