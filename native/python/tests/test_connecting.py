"""Connecting without waiting."""

from __future__ import annotations

import gc
import os
import select
import warnings
from typing import Any

import entropynet

from .support import LIMIT, PairCase


def is_readable(descriptor: int) -> bool:
    return select.select([descriptor], [], [], 0)[0] != []


class Connecting(PairCase):
    def start(self, endpoint: str, **options: Any) -> entropynet.Connecting:
        attempt = entropynet.start_connecting(endpoint, directory=self.directory, **options)
        self.addCleanup(attempt.close)
        return attempt

    def listen(self, endpoint: str, **options: Any) -> entropynet.Server:
        server = entropynet.listen(endpoint, directory=self.directory, **options)
        self.addCleanup(server.close)
        return server

    def finish(self, attempt: entropynet.Connecting, server: entropynet.Server) -> entropynet.Connection:
        """Continues both sides in this thread. Returns the client's connection, or raises the end of the attempt."""
        while True:
            client = attempt.poll()
            if client is not None:
                self.addCleanup(client.close)
                return client
            with self.assertRaises(entropynet.WouldBlockError):
                server.accept(0)

    def test_one_thread_serves_and_connects(self) -> None:
        endpoint = self.endpoint()
        server = self.listen(endpoint)
        attempt = self.start(endpoint)
        self.assertEqual(attempt.fileno(), -1)
        self.assertIsNone(attempt.poll())
        descriptor = attempt.fileno()
        self.assertFalse(is_readable(descriptor))
        with self.assertRaises(entropynet.WouldBlockError):
            server.accept(0)
        self.assertTrue(is_readable(descriptor))
        client = attempt.poll()
        assert client is not None
        self.addCleanup(client.close)
        self.assertEqual((client.fileno(), attempt.fileno()), (descriptor, -1))
        with self.assertRaises(entropynet.InvalidParameterError):
            attempt.poll()
        attempt.close()
        with server.accept(0) as accepted:
            client.send(b"hello")
            self.assertEqual(accepted.receive(LIMIT), b"hello")

    def test_nobody_listens(self) -> None:
        with self.start(self.endpoint()) as attempt:
            with self.assertRaises(entropynet.NobodyListensError):
                attempt.poll()
            with self.assertRaises(entropynet.InvalidParameterError):
                attempt.poll()
        with self.assertRaisesRegex(entropynet.ClosedError, "close"):
            attempt.poll()
        attempt.close()

    def test_a_server_that_refuses(self) -> None:
        endpoint = self.endpoint()
        server = self.listen(endpoint, secret="a secret of the server")
        attempt = self.start(endpoint, secret="a secret of the client")
        with self.assertRaises(entropynet.EntropyNetError) as raised:
            self.finish(attempt, server)
        self.assertEqual(raised.exception.code, "HandshakeFailed")

    def test_the_right_secret(self) -> None:
        endpoint = self.endpoint()
        server = self.listen(endpoint, secret="a secret of both sides")
        client = self.finish(self.start(endpoint, secret="a secret of both sides"), server)
        with server.accept(LIMIT):
            self.assertEqual(client.state, "connected")

    def test_a_server_that_does_not_answer(self) -> None:
        for timeout in (0, 0.001):
            endpoint = self.endpoint()
            self.listen(endpoint)
            attempt = self.start(endpoint, timeout=timeout)
            self.assertLessEqual(attempt.seconds_left, 0.001)
            with self.subTest(timeout=timeout), self.assertRaises(entropynet.TimedOutError):
                while attempt.poll() is None:
                    pass
            # It stays open until close().
            self.assertTrue(is_readable(attempt.fileno()))

    def test_an_attempt_that_is_given_up_leaves_nothing(self) -> None:
        endpoint = self.endpoint()
        server = self.listen(endpoint)
        before = os.listdir("/proc/self/fd")
        with self.start(endpoint) as attempt:
            self.assertIsNone(attempt.poll())
            self.assertGreater(len(os.listdir("/proc/self/fd")), len(before))
        self.assertEqual(os.listdir("/proc/self/fd"), before)
        with self.assertRaises(entropynet.WouldBlockError):
            server.accept(0)

    def test_options_that_are_not_allowed(self) -> None:
        with self.assertRaises(ValueError):
            self.start("")
        with self.assertRaises(ValueError):
            self.start("any", region_size=5)
        with self.assertRaises(TypeError):
            self.start("any", no_option=1)

    def test_an_unclosed_attempt_is_a_warning(self) -> None:
        attempt = entropynet.start_connecting(self.endpoint(), directory=self.directory)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del attempt
            gc.collect()
        self.assertEqual([warning.category for warning in caught], [ResourceWarning])
