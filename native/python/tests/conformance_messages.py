"""The messages of the conformance suite. Both sides make the same message from a length and a seed."""

from __future__ import annotations

from collections.abc import Iterator

from .conformance_requests import Request

MASK = 0xFFFFFFFF


def message_of(length: int, seed: int) -> bytes:
    """Returns the message of a length and a seed."""
    state = (seed * 0x9E3779B1 & MASK) ^ 0x85EBCA6B or 1
    words = bytearray()
    while len(words) < length:
        state ^= state << 13 & MASK
        state ^= state >> 17
        state ^= state << 5 & MASK
        words += state.to_bytes(4, "little")
    return bytes(words[:length])


def row_of(request: Request) -> Iterator[bytes]:
    """Yields the messages that a request names."""
    lengths = [int(length) for length in request.all("length")]
    seed = request.integer("seed", 1)
    for index in range(request.integer("count", len(lengths))):
        yield message_of(lengths[index % len(lengths)], seed + index)


def flood_of(length: int) -> Iterator[bytes]:
    """Yields messages of one length without an end."""
    seed = 1
    while True:
        yield message_of(length, seed)
        seed += 1
