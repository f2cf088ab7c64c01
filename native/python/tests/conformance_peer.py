"""
The far side of the conformance suite, in Python. It does what the lines of its standard input ask, until they end.
native/test/conformance/words.h has their form. The actions are those of PeerActions in packages/conformance.

    python3 -m tests.conformance_peer

One thread does everything. It sleeps in `select`, as a program with a loop of its own does.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote, unquote

import entropynet
from entropynet import EntropyNetError

from .conformance_link import Entry, Link, keep_busy

#: How many messages one job sends before the next one gets its turn.
AT_A_TIME = 64
MASK = 0xFFFFFFFF


def message_of(length: int, seed: int) -> bytes:
    """The message that `seed` stands for, as the suite makes it."""
    state = (seed * 0x9E3779B1 & MASK) ^ 0x85EBCA6B or 1
    words = bytearray()
    while len(words) < length:
        state ^= state << 13 & MASK
        state ^= state >> 17
        state ^= state << 5 & MASK
        words += state.to_bytes(4, "little")
    return bytes(words[:length])


class Request:
    """One line."""

    def __init__(self, line: str) -> None:
        self.number, self.action, *words = line.split()
        self.words = [word.split("=", 1) for word in words]

    def all(self, key: str) -> list[str]:
        return [value for known, value in self.words if known == key]

    def text(self, key: str, otherwise: str = "") -> str:
        values = self.all(key)
        return unquote(values[0]) if values else otherwise

    def integer(self, key: str, otherwise: int) -> int:
        values = self.all(key)
        return int(values[0]) if values else otherwise


def encoded(value: Any) -> Any:
    if isinstance(value, str):
        return quote(value, safe="")
    if isinstance(value, dict):
        return {key: encoded(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [encoded(part) for part in value]
    return value


def reply(number: str, value: Any) -> None:
    print(number, json.dumps(encoded(value)), flush=True)


# ---- requests that take time: each is tried again until `step` gives True ----


class Sending:
    """Messages on a channel. `on_done` gets how often each outcome was seen."""

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
    """As in Node.js it is done once the announcement is sent; a refusal comes later."""

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
    """It is done once both sides have closed the channel."""

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


def row_of(request: Request) -> Iterator[bytes]:
    lengths = [int(length) for length in request.all("length")]
    seed = request.integer("seed", 1)
    for index in range(request.integer("count", len(lengths))):
        yield message_of(lengths[index % len(lengths)], seed + index)


def flood_of(length: int) -> Iterator[bytes]:
    seed = 1
    while True:
        yield message_of(length, seed)
        seed += 1


class Peer:
    """What the lines ask for."""

    def __init__(self) -> None:
        self.server: entropynet.Server | None = None
        self.server_send_timeout = 5000
        self.backlog: list[entropynet.Connection] = []
        self.accepting: Request | None = None
        #: The newest last: it is the one that requests mean.
        self.links: list[Link] = []

    # ---- connecting and serving ----

    def options(self, request: Request) -> dict[str, Any]:
        options: dict[str, Any] = {"directory": request.text("directory"), "secret": request.text("secret") or None}
        keys = {
            "regionSize": "region_size",
            "maxMessageSize": "max_message_size",
            "channelWindow": "channel_window",
            "maxChannels": "max_channels",
        }
        options.update({name: int(request.text(key)) for key, name in keys.items() if request.all(key)})
        if request.all("unresponsiveAfterMs"):
            options["unresponsive_after"] = request.integer("unresponsiveAfterMs", 0) / 1000
        options["timeout"] = request.integer("connectTimeoutMs", 5000) / 1000
        return options

    def close_server(self) -> None:
        if self.server is not None:
            self.server.close()
        self.server = None
        for connection in self.backlog:
            connection.close()
        self.backlog.clear()
        self.accepting = None

    def use(self, connection: entropynet.Connection, is_client: bool, timeout: int, request: Request) -> Link:
        link = Link(connection, is_client, timeout)
        link.send_back = lambda entry, data: link.jobs.append(Sending(link, entry, [data], None))
        self.links.append(link)
        self.receive(link, request)
        return link

    def receive(self, link: Link, request: Request) -> None:
        for value in request.all("receive"):
            name, ownership, busy_ms, echo = value.split(",")
            entry = link.entry(unquote(name))
            entry.wanted = True
            entry.borrow = ownership != "copy"
            entry.busy_ms = int(busy_ms)
            entry.echo = echo == "1"
            entry.apply()

    def serve(self) -> bool:
        """Handshakes go on all the time, and a request to accept takes the first client."""
        moved = False
        while self.server is not None:
            try:
                self.backlog.append(self.server.accept(timeout=0))
                moved = True
            except EntropyNetError:
                # No client waits.
                break
        if self.accepting is None or not self.backlog:
            return moved
        request, self.accepting = self.accepting, None
        link = self.use(self.backlog.pop(0), False, self.server_send_timeout, request)
        if request.integer("startReceiving", 1):
            link.start()
        reply(request.number, None)
        return True

    def reset(self) -> None:
        for link in self.links:
            link.disconnect()
            link.connection.close()
        self.links.clear()
        self.close_server()

    # ---- requests ----

    def take(self, request: Request) -> None:
        action = request.action
        if action == "listen":
            self.close_server()
            self.server_send_timeout = request.integer("sendTimeoutMs", 5000)
            self.server = entropynet.listen(request.text("endpoint"), **self.options(request))
            reply(request.number, f"shm://{request.text('endpoint')}")
        elif action == "connect":
            try:
                connection = entropynet.connect(request.text("endpoint"), **self.options(request))
            except EntropyNetError as error:
                reply(request.number, error.code)
                return
            self.use(connection, True, request.integer("sendTimeoutMs", 5000), request).start()
            reply(request.number, "ok")
        elif action == "accept":
            self.accepting = request
        elif action == "end":
            if request.text("how") == "throw":
                os.abort()
            os._exit(0)
        elif action in ("closeServer", "stopFlooding", "reset", "keepBusy"):
            if action == "closeServer":
                self.close_server()
            elif action == "reset":
                self.reset()
            elif action == "keepBusy":
                keep_busy(request.integer("ms", 0))
            else:
                self.stop_flooding()
            reply(request.number, None)
        elif action == "count" and not self.links:
            reply(request.number, 0)
        else:
            self.about_link(self.links[-1], request)

    def stop_flooding(self) -> None:
        for link in self.links:
            link.jobs = [job for job in link.jobs if not getattr(job, "is_flood", False)]

    def about_link(self, link: Link, request: Request) -> None:
        action, number = request.action, request.number
        entry = link.entry(request.text("channel"))
        if action == "send":
            awaited = request.integer("awaited", 1) != 0
            link.jobs.append(Sending(link, entry, row_of(request), lambda found: reply(number, found), awaited))
        elif action == "sendDisconnectAndExit":
            link.jobs.append(Sending(link, entry, row_of(request), lambda _found: self.leave(link)))
        elif action == "flood":
            flood = Sending(link, entry, flood_of(request.integer("length", 0)), None)
            flood.is_flood = True
            link.jobs.append(flood)
            reply(number, None)
        elif action == "openChannel":
            link.jobs.append(Opening(link, entry, number))
        elif action == "closeChannel":
            link.jobs.append(Closing(link, entry, number))
        elif action == "isChannelOpen":
            reply(number, link.is_open(entry.name))
        elif action == "count":
            reply(number, entry.count)
        elif action == "labels":
            reply(number, entry.labels)
        elif action == "log":
            reply(number, link.log)
        elif action == "report":
            reply(number, link.report())
        else:
            self.change_link(link, entry, request)
            reply(number, None)

    def change_link(self, link: Link, entry: Entry, request: Request) -> None:
        if request.action == "startReceiving":
            link.start()
        elif request.action == "receive":
            self.receive(link, request)
        elif request.action == "pause":
            entry.wanted = False
            entry.apply()
        elif request.action == "disconnect":
            self.stop_flooding()
            link.disconnect()
        else:
            raise ValueError(f"{request.action} is no action")

    def leave(self, link: Link) -> None:
        link.disconnect()
        sys.exit(0)

    # ---- the loop ----

    def turn(self) -> bool:
        """Does what can be done now. Whether something happened."""
        moved = self.serve()
        for link in self.links:
            moved = link.poll() or moved
        return self.run_jobs() or moved

    def run_jobs(self) -> bool:
        moved = False
        for link in self.links:
            for job in list(link.jobs):
                before = job.progress
                done = job.step()
                if done and job in link.jobs:
                    link.jobs.remove(job)
                moved = moved or done or job.progress != before
        return moved

    def run(self) -> None:
        print("ready", flush=True)
        rest = b""
        while True:
            moved = self.turn()
            watched: list[Any] = [0]
            if self.server is not None:
                watched.append(self.server)
            for link in self.links:
                if not link.started or not link.is_connected:
                    continue
                moved = not link.connection.arm() or moved
                watched.append(link.connection)
            waiting = any(link.jobs for link in self.links)
            readable, _, _ = select.select(watched, [], [], 0 if moved else 0.02 if waiting else 0.5)
            if 0 not in readable:
                continue
            got = os.read(0, 65536)
            if not got:
                break
            *lines, rest = (rest + got).split(b"\n")
            for line in lines:
                request = Request(line.decode())
                try:
                    self.take(request)
                except Exception as error:
                    print(request.number, f"!{type(error).__name__}: {error}", flush=True)
                # As in Node.js, a send begins before the next request is read.
                self.run_jobs()
        self.reset()


Peer().run()
