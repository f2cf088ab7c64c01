"""
The other end of a test in Node.js. It echoes every message on its channel until the peer's goodbye.

    python3 -m tests.peer connect|serve calls|loop DIRECTORY ENDPOINT
"""

from __future__ import annotations

import asyncio
import sys

import entropynet
from entropynet import aio


def say(word: str) -> None:
    print(word, flush=True)


def echo(connection: entropynet.Connection) -> None:
    with connection:
        say("connected")
        try:
            while True:
                message = connection.receive_any()
                message.channel.send(message.data, 20)
        except entropynet.ClosedError:
            say("goodbye")


async def echo_in_loop(connection: aio.AsyncConnection) -> None:
    async with connection:
        say("connected")
        try:
            while True:
                message = await connection.receive_any()
                await connection.send(message.data, message.channel)
        except entropynet.ClosedError:
            say("goodbye")


def with_calls(role: str, directory: str, endpoint: str) -> None:
    if role == "connect":
        echo(entropynet.connect(endpoint, directory=directory))
        return
    with entropynet.listen(endpoint, directory=directory) as server:
        say("listening")
        echo(server.accept())


async def in_loop(role: str, directory: str, endpoint: str) -> None:
    if role == "connect":
        await echo_in_loop(await aio.connect(endpoint, directory=directory))
        return
    async with await aio.listen(endpoint, directory=directory) as server:
        say("listening")
        await echo_in_loop(await server.accept())


def main() -> None:
    role, style, directory, endpoint = sys.argv[1:]
    try:
        if style == "calls":
            with_calls(role, directory, endpoint)
        else:
            asyncio.run(in_loop(role, directory, endpoint))
    except entropynet.EntropyNetError as error:
        say(error.code)


main()
