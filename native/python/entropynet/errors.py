"""The failures of the library as exceptions."""

from __future__ import annotations


class EntropyNetError(Exception):
    """A call failed. `code` is the same name as in Node.js, such as `PeerDied`. `str(error)` is one sentence."""

    code: str

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[EntropyNetError], tuple[str, str]]:
        return type(self), (str(self), self.code)


class WouldBlockError(EntropyNetError, BlockingIOError):
    """`WouldBlock`: there is no room, or no message, and the call does not wait. It had no effect."""


class TimedOutError(EntropyNetError, TimeoutError):
    """`Timeout`: the time limit passed."""


class InvalidParameterError(EntropyNetError, ValueError):
    """`InvalidParameter`: an argument is not allowed, or the call is not allowed in this state."""


class ClosedError(EntropyNetError, ConnectionError):
    """`ConnectionClosed`: the connection or the channel ended in an orderly way."""


class PeerDiedError(EntropyNetError, ConnectionError):
    """`PeerDied`: the peer ended without a goodbye."""


class NobodyListensError(EntropyNetError, ConnectionError):
    """`TransportUnavailable`: no server listens at the endpoint."""


class InterruptedWait(EntropyNetError):
    """`Aborted`: `interrupt()` ended the wait."""


_CLASSES: dict[str, type[EntropyNetError]] = {
    "WouldBlock": WouldBlockError,
    "Timeout": TimedOutError,
    "InvalidParameter": InvalidParameterError,
    "ConnectionClosed": ClosedError,
    "PeerDied": PeerDiedError,
    "TransportUnavailable": NobodyListensError,
    "Aborted": InterruptedWait,
}


def error_of(code: str, message: str) -> EntropyNetError:
    """Returns the exception for a code. A code without a class of its own becomes a plain `EntropyNetError`."""
    return _CLASSES.get(code, EntropyNetError)(message, code)
