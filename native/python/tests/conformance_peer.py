"""
The far side of the conformance suite, in Python. It runs the requests of its standard input until that ends. The
actions are those of PeerActions in packages/conformance.

    python3 -m tests.conformance_peer

It has one thread, which sleeps in `select`, like a program with its own loop.
"""

from __future__ import annotations

import os
import select
import sys
from typing import Any
from urllib.parse import unquote

import entropynet
from entropynet import EntropyNetError

from .conformance_jobs import Closing, Opening, Sending
from .conformance_link import Entry, Link, keep_busy
from .conformance_messages import flood_of, row_of
from .conformance_requests import Request, reply


class Peer:
    """The server and the connections of this process, and the actions of the requests."""

    def __init__(self) -> None:
        self.server: entropynet.Server | None = None
        self.server_send_timeout = 5000
        self.backlog: list[entropynet.Connection] = []
        self.accepting: Request | None = None
        #: The newest is the last. Requests use that one.
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
        """Continues handshakes. A request to accept gets the first client. Returns whether something changed."""
        moved = False
        while self.server is not None:
            try:
                self.backlog.append(self.server.accept(timeout=0))
                moved = True
            except EntropyNetError:
                # No client is waiting.
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
            raise ValueError(f"there is no action {request.action}")

    def leave(self, link: Link) -> None:
        link.disconnect()
        sys.exit(0)

    # ---- the loop ----

    def turn(self) -> bool:
        """Does everything that needs no waiting. Returns whether something changed."""
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
                # As in Node.js, a send begins before the next request.
                self.run_jobs()
        self.reset()


Peer().run()
