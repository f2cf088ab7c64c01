"""
A peer in Python for the benchmark: plays the other end of the workloads, as play-peer.ts does, and ends with its
connection.

    python3 native_peer.py DIRECTORY ENDPOINT
"""

from __future__ import annotations

import contextlib
import struct
import sys

import entropynet

ECHO, COUNT, TOTAL = 0, 1, 2
LAST_BYTE = 0xA5


def play(connection: entropynet.Connection) -> None:
    count = 0
    is_damaged = False

    def take(data: memoryview) -> None:
        nonlocal count, is_damaged
        task = data[0]
        if task == ECHO:
            connection.try_send(data)
        elif task == COUNT:
            count += 1
            if data[-1] != LAST_BYTE:
                is_damaged = True
        elif task == TOTAL:
            total = float("nan") if is_damaged else count
            connection.try_send(struct.pack("<B7xd", TOTAL, total))
            count = 0

    connection.on_message(take, borrow=True)
    while connection.poll():
        connection.wait()


def main() -> None:
    directory, endpoint = sys.argv[1:]
    # A fifth of a millisecond of looking before a sleep, as the peer in C++ has.
    with entropynet.connect(endpoint, directory=directory, spin=0.0002) as connection:
        with contextlib.suppress(entropynet.ClosedError):
            play(connection)


if __name__ == "__main__":
    main()
