"""One thread at a time."""

from __future__ import annotations

import threading

from .errors import error_of


class Guard:
    """Protects a handle of the C library: `with guard as handle:`. A callback on the same thread may enter it
    again."""

    __slots__ = ("_lock", "handle")

    def __init__(self, handle: int) -> None:
        self._lock = threading.RLock()
        #: None after the library has freed it. Only a thread inside the guard sets it.
        self.handle: int | None = handle

    def __enter__(self) -> int:
        if not self._lock.acquire(blocking=False):
            raise RuntimeError("another thread is inside a call of this object; only one thread at a time may use it")
        if self.handle is None:
            self._lock.release()
            raise error_of("ConnectionClosed", "this object was closed by close()")
        return self.handle

    def __exit__(self, *_details: object) -> None:
        self._lock.release()
