"""A server and a client in this process, in a separate folder for each test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
import unittest
from collections.abc import Callable
from typing import Any

import entropynet

#: A limit in seconds. Only a hang takes so long.
LIMIT = 20.0

_numbers = itertools.count()


class PairCase(unittest.TestCase):
    """A test with a separate discovery directory."""

    def setUp(self) -> None:
        self.directory = tempfile.mkdtemp(prefix="entropynet-python-")
        self.addCleanup(shutil.rmtree, self.directory)

    def endpoint(self) -> str:
        """Returns a fresh name."""
        return f"python-{next(_numbers)}"

    def pair(self, **options: Any) -> tuple[entropynet.Connection, entropynet.Connection]:
        """Returns the client's side and the server's side of a connection."""
        endpoint = self.endpoint()
        server = entropynet.listen(endpoint, directory=self.directory, **options)
        self.addCleanup(server.close)
        connecting = InThread(lambda: entropynet.connect(endpoint, directory=self.directory, **options))
        accepted = server.accept(LIMIT)
        self.addCleanup(accepted.close)
        client = connecting.result()
        self.addCleanup(client.close)
        return client, accepted

    def poll_until(self, connection: entropynet.Connection, done: Callable[[], bool]) -> None:
        """Polls until `done` returns True. Fails at the limit."""
        while not done():
            self.assertTrue(connection.wait(LIMIT), "nothing came")
            connection.poll()


class InThread:
    """A call on another thread."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._call()
            self._error: BaseException | None = None
        except BaseException as error:  # noqa: BLE001 -- raised again by result()
            self._error = error

    def result(self) -> Any:
        """Returns the result of the call, or raises its exception."""
        self._thread.join(LIMIT)
        if self._error is not None:
            raise self._error
        return self._value
