"""The events, messages and numbers that a program gets."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .channel import Channel


class EventType(enum.IntEnum):
    """The kind of an event of a connection or of one of its channels."""

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
    """An event. `code` names the end of the connection (`END`), or the reason for a refused channel. Otherwise it is
    `OK`."""

    type: EventType
    channel: Channel
    code: str


class Message(NamedTuple):
    """A message and its channel."""

    data: bytes
    channel: Channel


class Stats(NamedTuple):
    """Payload bytes and whole messages of all channels. After traffic has stopped, both ends have the same
    numbers."""

    bytes_sent: int
    bytes_received: int
    messages_sent: int
    messages_received: int
    would_block_sends: int
    peer_idle_ms: int


class Info(NamedTuple):
    """The values that both sides agreed on, and the limits of the peer. Sizes and windows are in bytes.

    `peer_library` is the name that the peer gave itself, such as `node 0.1.0`: at most 20 printable characters. It
    is empty for a peer of an older release.
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
