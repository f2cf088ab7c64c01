"""Messages, in place and copied, and callbacks."""

from __future__ import annotations

import gc
import threading
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

    def test_a_goodbye_ends_the_view_of_a_claim(self) -> None:
        for length in (4, 2_000_000):
            client, _server = self.pair()
            with self.subTest(length=length), self.assertRaises(entropynet.ClosedError):
                with client.claim(length) as view:
                    client.disconnect(0)
                    with self.assertRaises(ValueError):
                        view[0] = 1

    def test_a_claim_whose_view_is_kept_sends_nothing(self) -> None:
        client, server = self.pair()
        for length in (4, 2_000_000):
            with self.subTest(length=length):
                with self.assertRaises(BufferError):
                    with client.claim(length) as view:
                        view[:] = bytes(length)
                        kept = view[1:]
                # Nothing reuses the bytes, so this object can neither see nor change another message.
                with self.assertRaises(BufferError):
                    client.send(b"\xff" * 4)
                self.assertEqual(bytes(kept), bytes(length - 1))
                kept.release()
                client.send(b"after")
                self.assertEqual(server.receive(LIMIT), b"after")

    def test_a_claim_whose_view_was_kept_does_not_hold_the_peer_back(self) -> None:
        client, server = self.pair(channel_window=16_384)
        with self.assertRaises(BufferError):
            with client.claim(4) as view:
                kept = view[1:]
        kept.release()
        # More than the window, which only grows again if this side can write.
        for _ in range(100):
            server.send(bytes(1000), LIMIT)
            client.receive(LIMIT)

    def test_a_claim_inside_a_claim_is_an_error(self) -> None:
        client, server = self.pair()
        with client.claim(5) as view:
            with self.assertRaises(ValueError):
                with client.claim(4):
                    pass
            view[:] = b"outer"
        self.assertEqual(server.receive(LIMIT), b"outer")

    def test_a_claim_that_fails_takes_its_view_back(self) -> None:
        client, server = self.pair()
        with self.assertRaises(KeyError):
            with client.claim(4) as view:
                raise KeyError
        client.send(b"after")
        with self.assertRaises(ValueError):
            view[0] = 1
        self.assertEqual(server.receive(LIMIT), b"after")

    def test_a_claim_that_another_thread_keeps_from_its_end_sends_nothing(self) -> None:
        client, server = self.pair()
        entered, may_leave = threading.Event(), threading.Event()

        def hold(_message: bytes) -> None:
            entered.set()
            may_leave.wait(LIMIT)

        client.on_message(hold)
        server.send(b"hold")
        with self.assertRaises(RuntimeError), client.claim(4) as view:
            view[:] = b"lost"
            polling = InThread(client.poll)
            self.assertTrue(entered.wait(LIMIT))
        may_leave.set()
        polling.result()
        client.send(b"usable")
        self.assertEqual(server.receive(LIMIT), b"usable")

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

    def test_may_wait_unless_they_borrow(self) -> None:
        for borrow, raises in ((False, entropynet.TimedOutError), (True, entropynet.WouldBlockError)):
            client, server = self.pair(channel_window=16_384)

            def fill(_message: object, server: entropynet.Connection = server) -> None:
                while True:
                    server.send(bytes(1000), 0.01)

            server.on_message(fill, borrow)
            client.send(b"go")
            with self.subTest(borrow=borrow), self.assertRaises(raises):
                self.poll_until(server, lambda: False)

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
        # The bytes are part of the connection's memory.
        with self.assertRaises(BufferError):
            server.close()
        self.assertEqual(bytes(kept[0]), b"kept")
        kept.clear()
        server.close()
        self.assertEqual(server.state, "disconnected")

    def test_that_keep_a_view_outside_the_ring_keep_its_memory(self) -> None:
        client, server = self.pair()
        kept: list[memoryview] = []
        client.send(b"1" * 1000)
        self.assertTrue(server.poll())
        server.on_message(lambda view: kept.append(memoryview(view)), borrow=True)
        with self.assertRaises(BufferError):
            server.poll()
        # Both go in fragments. The second one needs more memory than the first.
        for number, length in ((b"2", 3_000_000), (b"3", 9_000_000)):
            client.try_send(number * length)
            with self.assertRaises(BufferError):
                self.poll_until(server, lambda: not client.poll())
        lengths = [1000, 3_000_000, 9_000_000]
        self.assertEqual([len(view) for view in kept], lengths)
        self.assertTrue(all(bytes(view) == b"%d" % (i + 1) * lengths[i] for i, view in enumerate(kept)))
        kept.clear()
        server.close()

    def test_that_kept_a_view_free_its_memory_later(self) -> None:
        client, server = self.pair()
        kept: list[memoryview] = []
        server.on_message(lambda view: kept.append(memoryview(view)), borrow=True)
        for _ in range(3):
            client.try_send(bytes(3_000_000))
            with self.assertRaises(BufferError):
                self.poll_until(server, lambda: not client.poll())
            self.assertEqual(len(server._callbacks._kept), 1)
            kept.clear()
        server.close()

    def test_that_close_the_connection_and_keep_a_view_are_an_error(self) -> None:
        client, server = self.pair()
        kept: list[memoryview] = []

        def close(view: memoryview) -> None:
            kept.append(memoryview(view))
            server.close()

        server.on_message(close, borrow=True)
        client.send(b"kept")
        with self.assertRaises(BufferError):
            self.poll_until(server, lambda: False)
        with self.assertRaises(entropynet.ClosedError):
            client.receive(LIMIT)
        self.assertEqual(bytes(kept[0]), b"kept")
        with self.assertRaises(BufferError):
            server.close()
        kept.clear()
        server.close()
        self.assertEqual(server.state, "disconnected")

    def test_may_close_the_connection(self) -> None:
        client, server = self.pair()
        server.on_message(lambda _message: server.close())
        client.send(b"end")
        self.assertTrue(server.wait(LIMIT))
        server.poll()
        self.assertEqual(server.state, "disconnected")
        with self.assertRaises(entropynet.ClosedError):
            client.receive(LIMIT)
