"""One thread at a time."""

from __future__ import annotations

import threading

from .errors import error_of


class Guard:
    """The handle of the C library, for the time of a call: `with guard as handle:`. Reentrant, so that a callback
    may call."""

    __slots__ = ("_lock", "handle")

    def __init__(self, handle: int) -> None:
        self._lock = threading.RLock()
        #: None once it was freed. Set under the guard alone.
        self.handle: int | None = handle

    def __enter__(self) -> int:
        if not self._lock.acquire(blocking=False):
            raise RuntimeError("another thread is inside a call of this object; one thread at a time may use it")
        if self.handle is None:
            self._lock.release()
            raise error_of("ConnectionClosed", "this object was closed by close()")
        return self.handle

    def __exit__(self, *_details: object) -> None:
        self._lock.release()
