"""Messages, channels and ends."""

from __future__ import annotations

import gc
import pickle
import signal
import threading
import time
import unittest
import warnings
from array import array

import entropynet
from entropynet import EventType

from .support import LIMIT, InThread, PairCase


class Messages(PairCase):
    def test_arrive_whole_and_in_order(self) -> None:
        client, server = self.pair()
        for message in (b"hello", b"", bytes(range(256)) * 100):
            client.send(message)
            self.assertEqual(server.receive(LIMIT), message)
        self.assertEqual(client.stats.messages_sent, 3)
        self.assertEqual(server.stats.bytes_received, 5 + 25_600)

    def test_that_are_larger_than_the_ring(self) -> None:
        client, server = self.pair(region_size=65_536)
        message = bytes(range(256)) * 4096
        sending = InThread(lambda: client.send(message, LIMIT))
        self.assertEqual(server.receive(LIMIT), message)
        sending.result()

    def test_of_every_kind_of_buffer(self) -> None:
        client, server = self.pair()
        numbers = array("f", [1.5, 2.5])
        every_second = memoryview(b"a-b-c-")[::2]
        read_only = memoryview(bytearray(b"read only")).toreadonly()
        for data in (bytearray(b"bytearray"), memoryview(b"view"), numbers, every_second, read_only, bytearray()):
            client.send(data)
            self.assertEqual(server.receive(LIMIT), bytes(data))

    def test_a_text_or_a_number_is_no_message(self) -> None:
        client, _server = self.pair()
        with self.assertRaisesRegex(TypeError, "encode"):
            client.send("text")
        with self.assertRaises(TypeError):
            client.send(7)

    def test_too_long_for_the_peer(self) -> None:
        client, _server = self.pair(max_message_size=1000)
        with self.assertRaises(entropynet.EntropyNetError) as raised:
            client.send(bytes(1001))
        self.assertEqual(raised.exception.code, "MessageTooLarge")
        self.assertIn("1000", str(raised.exception))

    def test_without_room_would_block_and_drain_follows(self) -> None:
        client, server = self.pair(channel_window=16_384)
        events: list[EventType] = []
        client.on_event(lambda event: events.append(event.type))
        sent = 0
        with self.assertRaises(BlockingIOError):
            while True:
                client.try_send(bytes(1000))
                sent += 1
        with self.assertRaises(TimeoutError):
            client.send(bytes(1000), 0.02)
        for _ in range(sent):
            self.assertEqual(len(server.receive(LIMIT)), 1000)
        self.poll_until(client, lambda: EventType.DRAIN in events)
        client.try_send(bytes(1000))

    def test_receive_does_not_wait_longer_than_asked(self) -> None:
        client, _server = self.pair()
        with self.assertRaises(entropynet.WouldBlockError) as raised:
            client.receive(0)
        self.assertEqual(raised.exception.code, "WouldBlock")
        with self.assertRaisesRegex(TimeoutError, "0.01"):
            client.receive(0.01)
        with self.assertRaises(ValueError):
            client.receive(-1)
        with self.assertRaises(TypeError):
            client.receive("1")  # type: ignore[arg-type]


class Views(PairCase):
    def test_of_a_borrowed_message(self) -> None:
        client, server = self.pair()
        client.send(b"borrowed")
        with server.borrow(LIMIT) as view:
            self.assertTrue(view.readonly)
            self.assertEqual(bytes(view[:3]), b"bor")
        with self.assertRaises(ValueError):
            view[0]

    def test_that_is_kept_is_an_error_and_holds_the_memory(self) -> None:
        client, server = self.pair()
        client.send(b"kept")
        client.send(b"next")
        with self.assertRaisesRegex(BufferError, "copy"):
            with server.borrow(LIMIT) as view:
                kept = memoryview(view)
        with self.assertRaises(BufferError):
            server.receive(LIMIT)
        with self.assertRaises(BufferError):
            server.close()
        self.assertEqual(bytes(kept), b"kept")
        kept.release()
        self.assertEqual(server.receive(LIMIT), b"next")

    def test_claims_are_sent_at_the_end_of_the_block(self) -> None:
        client, server = self.pair()
        with client.claim(4) as view:
            view[:] = b"mine"
            with self.assertRaises(entropynet.WouldBlockError):
                client.try_send(b"other")
        with self.assertRaises(KeyError):
            with client.claim(4) as view:
                view[:] = b"lost"
                raise KeyError
        with client.claim(0):
            pass
        self.assertEqual([server.receive(LIMIT), server.receive(LIMIT)], [b"mine", b""])

    def test_a_claim_whose_view_is_kept_sends_nothing(self) -> None:
        client, server = self.pair()
        with self.assertRaises(BufferError):
            with client.claim(4) as view:
                kept = view[1:]
        kept.release()
        client.send(b"after")
        self.assertEqual(server.receive(LIMIT), b"after")

    def test_impossible_claims(self) -> None:
        client, _server = self.pair()
        for length, kind in ((-1, ValueError), (1.5, TypeError), (True, TypeError)):
            with self.assertRaises(kind):
                with client.claim(length):  # type: ignore[arg-type]
                    pass


class Callbacks(PairCase):
    def test_get_bytes_or_views(self) -> None:
        client, server = self.pair()
        heard: list[object] = []
        server.on_message(heard.append)
        client.send(b"one")
        self.poll_until(server, lambda: len(heard) == 1)
        server.on_message(lambda view: heard.append((view.readonly, bytes(view))), borrow=True)
        client.send(b"two")
        self.poll_until(server, lambda: len(heard) == 2)
        self.assertEqual(heard, [b"one", (True, b"two")])
        server.on_message(None)
        client.send(b"three")
        self.assertEqual(server.receive(LIMIT), b"three")

    def test_may_replace_themselves_and_send(self) -> None:
        client, server = self.pair()

        def first(message: bytes) -> None:
            server.on_message(lambda next_message: server.try_send(b"second " + next_message))
            gc.collect()
            server.try_send(b"first " + message)

        server.on_message(first)
        client.send(b"a")
        client.send(b"b")
        self.poll_until(server, lambda: server.stats.messages_sent == 2)
        self.assertEqual([client.receive(LIMIT), client.receive(LIMIT)], [b"first a", b"second b"])

    def test_that_raise_come_out_of_poll(self) -> None:
        client, server = self.pair()
        heard: list[bytes] = []

        def fail(message: bytes) -> None:
            heard.append(message)
            raise KeyError(message)

        server.on_message(fail)
        client.send(b"one")
        with self.assertRaises(KeyError):
            self.poll_until(server, lambda: False)
        client.send(b"two")
        with self.assertRaises(KeyError):
            self.poll_until(server, lambda: False)
        self.assertEqual(heard, [b"one", b"two"])

    def test_that_keep_a_view_are_an_error(self) -> None:
        client, server = self.pair()
        kept: list[memoryview] = []
        server.on_message(lambda view: kept.append(memoryview(view)), borrow=True)
        client.send(b"kept")
        with self.assertRaises(BufferError):
            self.poll_until(server, lambda: False)

    def test_may_close_the_connection(self) -> None:
        client, server = self.pair()
        server.on_message(lambda _message: server.close())
        client.send(b"end")
        self.assertTrue(server.wait(LIMIT))
        server.poll()
        self.assertEqual(server.state, "disconnected")
        with self.assertRaises(entropynet.ClosedError):
            client.receive(LIMIT)


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

    def test_two_servers_of_one_name(self) -> None:
        endpoint = self.endpoint()
        with entropynet.listen(endpoint, directory=self.directory):
            with self.assertRaises(entropynet.EntropyNetError) as raised:
                entropynet.listen(endpoint, directory=self.directory)
        self.assertEqual(raised.exception.code, "AddressInUse")

    def test_options_that_are_not_allowed(self) -> None:
        for options, kind in (
            ({"region_size": 5}, ValueError),
            ({"region_size": 2**40}, ValueError),
            ({"region_size": "4 MiB"}, TypeError),
            ({"channel_window": -1}, ValueError),
            ({"timeout": -1}, ValueError),
            ({"secret": "short"}, ValueError),
            ({"secret": "sixteen charac\0ters"}, ValueError),
        ):
            with self.subTest(options=options), self.assertRaises(kind):
                entropynet.connect("any", directory=self.directory, **options)  # type: ignore[arg-type]
        with self.assertRaises(ValueError):
            entropynet.connect("", directory=self.directory)

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
            # The other thread may not be there yet, and is between two waits now and then.
            while True:
                client.arm()
        client.interrupt()
        with self.assertRaises(entropynet.InterruptedWait):
            waiting.result()

    @unittest.skipUnless(threading.current_thread() is threading.main_thread(), "signals are the main thread's")
    def test_a_signal_ends_a_wait(self) -> None:
        client, _server = self.pair()

        def stop(_signal: int, _frame: object) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, stop)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with self.assertRaises(KeyboardInterrupt):
            client.receive()
        client.send(b"still usable")

    def test_a_message_wakes_a_sleeper(self) -> None:
        client, server = self.pair()
        receiving = InThread(lambda: server.receive(LIMIT))
        time.sleep(0)
        client.send(b"wake")
        self.assertEqual(receiving.result(), b"wake")
