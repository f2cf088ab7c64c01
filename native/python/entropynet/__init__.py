"""
Messages between this process and Node.js, C, C++ or Python on the same machine, through shared memory.

    import entropynet

    with entropynet.connect("canvas") as connection:
        connection.send(b"hello")
        print(connection.receive(timeout=1))

`entropynet.aio` is the same for asyncio. The C library `libentropynet` does the work; see README.md for how it is
built.
"""

from ._library import VERSION as __version__
from ._library import version
from .channel import Channel
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
from .server import Server, connect, listen
from .types import Event, EventType, Info, Message, Stats

#: Small, urgent messages.
CHANNEL_CONTROL = "control"
#: Bulk data from an editor or tool to an engine.
CHANNEL_ASSET_UPLOAD = "asset-upload"
#: Bulk data from an engine to an editor or tool.
CHANNEL_ASSET_DOWNLOAD = "asset-download"

__all__ = [
    "CHANNEL_ASSET_DOWNLOAD",
    "CHANNEL_ASSET_UPLOAD",
    "CHANNEL_CONTROL",
    "Channel",
    "ClosedError",
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
    "version",
]
