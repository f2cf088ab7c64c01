"""The jobs of the conformance peer: requests that take time. The peer calls `step` until it returns True."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import entropynet
from entropynet import EntropyNetError

from .conformance_link import Entry, Link
from .conformance_requests import reply

#: A job sends at most this number of messages before the next job runs.
AT_A_TIME = 64


class Sending:
    """Sends messages on a channel. `on_done` gets the number of each outcome."""

    def __init__(
        self,
        link: Link,
        entry: Entry,
        messages: Iterable[bytes],
        on_done: Callable[[Counter[str]], None] | None,
        awaited: bool = True,
    ) -> None:
        self.link = link
        self.entry = entry
        self.is_flood = False
        self.messages: Iterator[bytes] = iter(messages)
        self.on_done = on_done
        self.awaited = awaited
        self.outcomes: Counter[str] = Counter()
        self.progress = 0
        self.next: bytes | None = None
        self.deadline = time.monotonic() + link.send_timeout

    def step(self) -> bool:
        earlier = self.link.jobs[: self.link.jobs.index(self)]
        if any(isinstance(job, Sending) and job.entry is self.entry for job in earlier):
            return False
        for _ in range(AT_A_TIME):
            if self.next is None:
                self.next = next(self.messages, None)
                if self.awaited:
                    self.deadline = time.monotonic() + self.link.send_timeout
            if self.next is None:
                if self.on_done is not None:
                    self.on_done(self.outcomes)
                return True
            outcome = self.attempt(self.next)
            if outcome == "WouldBlock":
                return False
            if self.is_flood and outcome != "ok":
                return True
            self.outcomes[outcome] += 1
            self.progress += 1
            self.next = None
        return False

    def attempt(self, message: bytes) -> str:
        if self.entry.channel is None:
            return "ConnectionClosed"
        try:
            self.entry.channel.try_send(message)
            return "ok"
        except entropynet.WouldBlockError:
            return "WouldBlock" if time.monotonic() < self.deadline else "Timeout"
        except EntropyNetError as error:
            return error.code


class Opening:
    """Opens a channel. As in Node.js, it ends after it has sent the announcement. A refusal comes later."""

    progress = 0

    def __init__(self, link: Link, entry: Entry, number: str) -> None:
        self.link, self.entry, self.number = link, entry, number
        self.deadline = time.monotonic() + link.send_timeout

    def step(self) -> bool:
        try:
            self.entry.channel = self.link.connection.open_channel(self.entry.name, timeout=0)
            self.entry.apply()
            reply(self.number, "ok")
        except entropynet.WouldBlockError:
            # A channel of that name is still closing.
            if time.monotonic() < self.deadline:
                return False
            reply(self.number, "Timeout")
        except EntropyNetError as error:
            reply(self.number, error.code)
        return True


class Closing:
    """Closes a channel. It ends after both sides have closed the channel."""

    progress = 0

    def __init__(self, link: Link, entry: Entry, number: str) -> None:
        self.link, self.entry, self.number = link, entry, number
        self.deadline = time.monotonic() + link.send_timeout
        self.asked = False

    def step(self) -> bool:
        channel = self.entry.channel
        try:
            if channel is not None and not self.asked and channel.state != "closed":
                channel.close(timeout=0)
                self.asked = True
            if channel is None or channel.state == "closed":
                reply(self.number, "ok")
                return True
        except entropynet.WouldBlockError:
            self.asked = True
        except EntropyNetError as error:
            reply(self.number, error.code)
            return True
        if time.monotonic() < self.deadline:
            return False
        reply(self.number, "Timeout")
        return True
