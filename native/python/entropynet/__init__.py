"""
Messages between this process and Node.js, C, C++ or Python on the same machine, through shared memory.

    import entropynet

    with entropynet.connect("canvas") as connection:
        connection.send(b"hello")
        print(connection.receive(timeout=1))

`entropynet.aio` is the same for asyncio. The C library `libentropynet` does the work. README.md says how to build it.
"""

from ._library import VERSION as __version__
from ._library import version
from .channel import Channel
from .connecting import Connecting, connect, start_connecting
from .connection import Connection
from .errors import (
    ClosedError,
    EntropyNetError,
    InterruptedWait,
    InvalidParameterError,
    NobodyListensError,
    PeerDiedError,
    TimedOutError,
    WouldBlockError,
)
from .server import Server, listen
from .types import Event, EventType, Info, Message, Stats

#: The channel for small, urgent messages.
CHANNEL_CONTROL = "control"
#: The channel for large data from an editor or a tool to an engine.
CHANNEL_ASSET_UPLOAD = "asset-upload"
#: The channel for large data from an engine to an editor or a tool.
CHANNEL_ASSET_DOWNLOAD = "asset-download"

__all__ = [
    "CHANNEL_ASSET_DOWNLOAD",
    "CHANNEL_ASSET_UPLOAD",
    "CHANNEL_CONTROL",
    "Channel",
    "ClosedError",
    "Connecting",
    "Connection",
    "EntropyNetError",
    "Event",
    "EventType",
    "Info",
    "InterruptedWait",
    "InvalidParameterError",
    "Message",
    "NobodyListensError",
    "PeerDiedError",
    "Server",
    "Stats",
    "TimedOutError",
    "WouldBlockError",
    "connect",
    "listen",
    "start_connecting",
    "version",
]
