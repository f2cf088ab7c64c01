"""Loads the C library, and declares its functions and structures for ctypes."""

from __future__ import annotations

import ctypes
import os
from ctypes import CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path

from .errors import EntropyNetError, error_of

#: The version of this package.
VERSION = "0.1.0"

OK = 0
WOULD_BLOCK = 1
TIMEOUT = 2
CONNECTION_CLOSED = 10
RESOURCE_LIMIT_EXCEEDED = 7

DEFAULT_CHANNEL = 0
ANY_CHANNEL = 2**64 - 1
NO_CHANNELS = 2**32 - 1
IN_RING = 1

STATES = ("connected", "disconnected", "failed")
CHANNEL_STATES = ("opening", "open", "closing", "closed")

ADMIT = CFUNCTYPE(c_int, c_void_p)


class Error(Structure):
    _fields_ = [("status", c_int), ("message", c_char * 508)]


class Options(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("directory", c_char_p),
        ("secret", c_char_p),
        ("region_size", c_uint32),
        ("max_message_size", c_uint32),
        ("channel_window", c_uint32),
        ("max_channels", c_uint32),
        ("connect_timeout_ms", c_uint32),
        ("handshake_timeout_ms", c_uint32),
        ("max_connections", c_uint32),
        ("unresponsive_after_ms", c_uint32),
        ("spin_us", c_uint32),
        ("admit", ADMIT),
        ("admit_user", c_void_p),
        ("library", c_char_p),
    ]


class Message(Structure):
    _fields_ = [("bytes", c_void_p), ("length", c_size_t), ("channel", c_uint64)]


class Event(Structure):
    _fields_ = [("type", c_int), ("status", c_int), ("channel", c_uint64)]


class Stats(Structure):
    _fields_ = [("size", c_size_t)] + [
        (name, c_uint64)
        for name in (
            "bytes_sent",
            "bytes_received",
            "messages_sent",
            "messages_received",
            "would_block_sends",
            "peer_idle_ms",
        )
    ]


class ConnectionInfo(Structure):
    _fields_ = [("size", c_size_t)] + [
        (name, c_uint32)
        for name in (
            "is_server",
            "region_size",
            "max_message_size",
            "max_frame_size",
            "peer_channel_window",
            "peer_max_channels",
            "peer_closes_channels",
            "peer_process",
        )
    ] + [("peer_library", c_char * 24)]


class ChannelInfo(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("state", c_int),
        ("name", c_char * 256),
        ("name_length", c_size_t),
        ("send_window", c_uint32),
        ("parked_bytes", c_uint32),
        ("queued_bytes", c_uint32),
    ]


ON_MESSAGE = CFUNCTYPE(None, c_void_p, POINTER(Message), c_void_p)
ON_EVENT = CFUNCTYPE(None, c_void_p, POINTER(Event), c_void_p)

_PROTOTYPES = {
    "en_version": (c_char_p, []),
    "en_status_name": (c_char_p, [c_int]),
    "en_last_error": (POINTER(Error), []),
    "en_connect_start": (c_int, [c_char_p, POINTER(Options), POINTER(c_void_p)]),
    "en_connect_poll": (c_int, [c_void_p, POINTER(c_void_p)]),
    "en_connect_descriptor": (c_int, [c_void_p]),
    "en_connect_wait_ms": (c_int, [c_void_p]),
    "en_connect_free": (None, [c_void_p]),
    "en_listen": (c_int, [c_char_p, POINTER(Options), POINTER(c_void_p)]),
    "en_accept": (c_int, [c_void_p, c_int, POINTER(c_void_p)]),
    "en_server_descriptor": (c_int, [c_void_p]),
    "en_server_interrupt": (None, [c_void_p]),
    "en_server_free": (None, [c_void_p]),
    "en_send": (c_int, [c_void_p, c_uint64, c_void_p, c_size_t, c_int]),
    "en_try_send": (c_int, [c_void_p, c_uint64, c_void_p, c_size_t]),
    "en_claim": (c_int, [c_void_p, c_uint64, c_size_t, POINTER(c_void_p)]),
    "en_commit": (c_int, [c_void_p]),
    "en_abort": (c_int, [c_void_p]),
    "en_on_message": (c_int, [c_void_p, c_uint64, c_void_p, c_void_p, ctypes.c_uint]),
    "en_receive": (c_int, [c_void_p, c_uint64, POINTER(Message)]),
    "en_take_message": (c_void_p, [c_void_p]),
    "en_free": (None, [c_void_p]),
    "en_on_event": (c_int, [c_void_p, c_void_p, c_void_p]),
    "en_poll": (c_int, [c_void_p]),
    "en_wait": (c_int, [c_void_p, c_int]),
    "en_interrupt": (None, [c_void_p]),
    "en_descriptor": (c_int, [c_void_p]),
    "en_arm": (c_int, [c_void_p]),
    "en_open_channel": (c_int, [c_void_p, c_char_p, c_int, POINTER(c_uint64)]),
    "en_close_channel": (c_int, [c_void_p, c_uint64, c_int]),
    "en_get_channel": (c_int, [c_void_p, c_uint64, POINTER(ChannelInfo)]),
    "en_disconnect": (c_int, [c_void_p, c_int]),
    "en_connection_free": (None, [c_void_p]),
    "en_get_state": (c_int, [c_void_p]),
    "en_get_end": (POINTER(Error), [c_void_p]),
    "en_get_stats": (c_int, [c_void_p, POINTER(Stats)]),
    "en_get_info": (c_int, [c_void_p, POINTER(ConnectionInfo)]),
}

_FILE = "libentropynet.so.0"
#: The version of the header that this file follows.
_VERSION = "0.1"


def _candidates() -> list[str]:
    given = os.environ.get("ENTROPYNET_LIBRARY")
    if given:
        return [given]
    here = Path(__file__).resolve().parent
    # Beside this file, in the build folder of the repository, or in a folder that the system searches.
    return [str(here / _FILE), str(here.parent.parent / "build" / _FILE), _FILE]


def _load() -> ctypes.CDLL:
    reasons = []
    for path in _candidates():
        try:
            loaded = ctypes.CDLL(path)
            break
        except OSError as error:
            reasons.append(f"{path} ({error})")
    else:
        raise ImportError(
            "libentropynet was not found. Build it (cmake -S native -B native/build && "
            "cmake --build native/build), or set ENTROPYNET_LIBRARY to its path. "
            f"The search failed: {'; '.join(reasons)}"
        )
    for name, (result, arguments) in _PROTOTYPES.items():
        try:
            function = getattr(loaded, name)
        except AttributeError:
            raise ImportError(f"{path} is not libentropynet {_VERSION}: it has no {name}()") from None
        function.restype = result
        function.argtypes = arguments
    version = loaded.en_version().decode()
    if not version.startswith(_VERSION + "."):
        raise ImportError(f"{path} is libentropynet {version}; this package needs {_VERSION}")
    return loaded


library = _load()


def name_of(status: int) -> str:
    """Returns the name of a status, such as `PeerDied`."""
    name: bytes = library.en_status_name(status)
    return name.decode()


def failure(status: int) -> EntropyNetError:
    """Returns the exception for a call of this thread that has just failed with `status`."""
    error = library.en_last_error().contents
    message = error.message.decode("utf-8", "replace") if error.status == status else name_of(status)
    return error_of(name_of(status), message)


def check(status: int) -> None:
    """Raises an exception if a call failed."""
    if status != OK:
        raise failure(status)


def version() -> str:
    """Returns the version of the C library, such as `0.1.0`."""
    found: bytes = library.en_version()
    return found.decode()
