"""What the library tells a program."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .channel import Channel


class EventType(enum.IntEnum):
    """What happened to a connection or to one of its channels."""

    CHANNEL_OPENED = 0
    CHANNEL_ACCEPTED = 1
    CHANNEL_REFUSED = 2
    CHANNEL_CLOSING = 3
    CHANNEL_CLOSED = 4
    DRAIN = 5
    UNRESPONSIVE = 6
    RESPONSIVE = 7
    END = 8


class Event(NamedTuple):
    """`code` is how the connection ended (END) or why a channel was refused; `OK` otherwise."""

    type: EventType
    channel: Channel
    code: str


class Message(NamedTuple):
    """A message and the channel that it came on."""

    data: bytes
    channel: Channel


class Stats(NamedTuple):
    """Payload bytes and whole messages of all channels. Both ends count the same once traffic has stopped."""

    bytes_sent: int
    bytes_received: int
    messages_sent: int
    messages_received: int
    would_block_sends: int
    peer_idle_ms: int


class Info(NamedTuple):
    """What both sides agreed on, in bytes where it is no number of things.

    `peer_library` is the text by which the peer introduces itself, `node 0.1.0` for example: at most 20 printable
    characters of its choice. It is empty for a peer of an older release.
    """

    is_server: bool
    region_size: int
    max_message_size: int
    max_frame_size: int
    peer_channel_window: int
    peer_max_channels: int
    peer_closes_channels: bool
    peer_process: int
    peer_library: str
