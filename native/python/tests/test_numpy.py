"""Arrays of NumPy, if NumPy is installed."""

from __future__ import annotations

import unittest

from .support import LIMIT, PairCase

try:
    import numpy as np
except ImportError:
    np = None


@unittest.skipIf(np is None, "NumPy is not installed")
class Arrays(PairCase):
    def test_are_sent_and_read_in_place(self) -> None:
        client, server = self.pair()
        frame = np.arange(12, dtype=np.float32).reshape(3, 4)
        client.send(frame)
        client.send(frame.T)
        with server.borrow(LIMIT) as view:
            shown = np.frombuffer(view, dtype=np.float32).reshape(3, 4)
            total, is_writable = float(shown.sum()), shown.flags.writeable
            del shown
        self.assertEqual((total, is_writable), (66.0, False))
        # The array is not contiguous, so send() copies its elements in their order.
        self.assertEqual(server.receive(LIMIT), frame.T.tobytes())

    def test_that_keep_a_borrowed_message_are_an_error(self) -> None:
        client, server = self.pair()
        client.send(bytes(16))
        with self.assertRaises(BufferError):
            with server.borrow(LIMIT) as view:
                kept = np.frombuffer(view, dtype=np.uint8)
        with self.assertRaises(BufferError):
            server.close()
        self.assertEqual(int(kept.sum()), 0)
        del kept

    def test_are_written_into_a_claim(self) -> None:
        client, server = self.pair()
        with client.claim(16) as view:
            np.copyto(np.frombuffer(view, dtype=np.uint32), np.array([1, 2, 3, 4], dtype=np.uint32))
        self.assertEqual(np.frombuffer(server.receive(LIMIT), dtype=np.uint32).tolist(), [1, 2, 3, 4])
