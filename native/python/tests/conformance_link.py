"""A connection of the conformance peer, and its recorded events."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from typing import Any

import entropynet
from entropynet import EntropyNetError, EventType

#: A list keeps at most this number of labels.
MOST_LABELS = 20_000
MASK = 0xFFFFFFFF


class Entry:
    """A channel of a connection. It exists as soon as a request or the peer names it."""

    def __init__(self, link: Link, name: str) -> None:
        self.link = link
        self.name = name
        self.channel: entropynet.Channel | None = None
        self.wanted = False
        self.echo = False
        self.busy_ms = 0
        self.borrow = False
        self.count = 0
        self.bytes = 0
        self.digest = 0x811C9DC5
        self.labels: list[str] = []

    def apply(self) -> None:
        if self.channel is None:
            return
        try:
            self.channel.on_message(self.take if self.wanted else None, borrow=self.borrow)
        except entropynet.ClosedError:
            # The channel has ended, and this side has read all its messages.
            pass

    def take(self, data: Any) -> None:
        checksum = zlib.crc32(data)
        length = len(data)
        label = f"{length}:{checksum:x}"
        self.digest = (self.digest * 0x01000193 & MASK) ^ checksum ^ length
        self.count += 1
        self.bytes += length
        if len(self.labels) < MOST_LABELS:
            self.labels.append(label)
        self.link.note(f"message:{self.name}:{label}")
        keep_busy(self.busy_ms)
        if self.echo:
            self.link.send_back(self, bytes(data))


class Link:
    """A connection and its recorded events."""

    def __init__(self, connection: entropynet.Connection, is_client: bool, send_timeout_ms: int) -> None:
        self.connection = connection
        self.send_timeout = send_timeout_ms / 1000
        self.started = False
        self.ended = False
        self.jobs: list[Any] = []
        #: Sends the echo of a message.
        self.send_back: Callable[[Entry, bytes], None]
        self.states: list[str] = []
        self.codes: list[str | None] = []
        self.drains: list[str] = []
        self.channels: list[str] = []
        self.log: list[str] = []
        self.logged = 0
        self.entries: dict[str, Entry] = {}
        self.entry("").channel = connection.default_channel
        if is_client:
            self.state("connecting")
            self.state("connected")

    def entry(self, name: str) -> Entry:
        return self.entries.setdefault(name, Entry(self, name))

    def note(self, line: str) -> None:
        self.logged += 1
        if len(self.log) < MOST_LABELS:
            self.log.append(line)

    def state(self, state: str, code: str | None = None) -> None:
        self.states.append(state)
        self.codes.append(code)
        self.note(f"state:{state}")

    def end(self, code: str) -> None:
        """Records the end. The contract has a state between connected and disconnected, which the library skips."""
        if self.ended:
            return
        self.ended = True
        if code == "ConnectionClosed":
            self.state("disconnecting")
            self.state("disconnected")
        else:
            self.state("failed", code)

    def start(self) -> None:
        self.started = True
        self.connection.on_event(self.on_event)

    def on_event(self, event: entropynet.Event) -> None:
        if event.type == EventType.END:
            self.end(event.code)
        elif event.type == EventType.DRAIN:
            self.drains.append(event.channel.name)
        elif event.type == EventType.CHANNEL_OPENED:
            name = event.channel.name
            self.entry(name).channel = event.channel
            self.channels.append(name)
            self.note(f"channel:{name}")
            self.entry(name).apply()

    def poll(self) -> bool:
        """Handles everything that has arrived. Returns whether something changed."""
        if not self.started:
            return False
        before = self.logged
        try:
            self.connection.poll()
        except EntropyNetError:
            # An event has reported the end of the connection.
            pass
        return self.logged != before

    @property
    def is_connected(self) -> bool:
        return self.connection.state == "connected"

    def disconnect(self) -> None:
        if not self.is_connected:
            return
        try:
            self.connection.disconnect(self.send_timeout)
        except entropynet.TimedOutError:
            # The connection has ended nevertheless.
            pass
        end = self.connection.end
        self.end("ConnectionClosed" if end is None else end.code)

    def is_open(self, name: str) -> bool:
        channel = self.entry(name).channel
        return self.is_connected and channel is not None and channel.state in ("open", "opening")

    def report(self) -> dict[str, Any]:
        stats = self.connection.stats
        return {
            "processId": os.getpid(),
            "peer": {
                "process": self.connection.info.peer_process,
                "library": self.connection.info.peer_library,
            },
            "state": self.connection.state,
            "states": self.states,
            "stateCodes": self.codes,
            "errors": [],
            "drains": self.drains,
            "channels": self.channels,
            "stats": {
                "bytesSent": stats.bytes_sent,
                "bytesReceived": stats.bytes_received,
                "messagesSent": stats.messages_sent,
                "messagesReceived": stats.messages_received,
            },
            "received": [
                [name, {"count": entry.count, "bytes": entry.bytes, "digest": entry.digest}]
                for name, entry in self.entries.items()
                if entry.count > 0
            ],
        }


def keep_busy(ms: int) -> None:
    end = time.monotonic() + ms / 1000
    while ms > 0 and time.monotonic() < end:
        pass
