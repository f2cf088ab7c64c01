"""One thread at a time, and the end of an object."""

from __future__ import annotations

import threading
import warnings
from types import TracebackType
from typing import Callable, TypeVar

from .errors import error_of

Closed = TypeVar("Closed", bound="Closing")


class Guard:
    """Protects a handle of the C library: `with guard as handle:`. A callback on the same thread may enter it
    again."""

    __slots__ = ("_lock", "handle", "late")

    def __init__(self, handle: int) -> None:
        self._lock = threading.RLock()
        #: None after the library has freed it. Only a thread inside the guard sets it.
        self.handle: int | None = handle
        #: What an earlier call could not finish. Each call tries that first. It raises nothing.
        self.late: Callable[[int], None] | None = None

    def __enter__(self) -> int:
        if not self._lock.acquire(blocking=False):
            raise RuntimeError("another thread is inside a call of this object; only one thread at a time may use it")
        if self.handle is None:
            self._lock.release()
            raise error_of("ConnectionClosed", "this object was closed by close()")
        if self.late is not None:
            self.late(self.handle)
        return self.handle

    def __exit__(self, *_details: object) -> None:
        self._lock.release()


class Closing:
    """An object with a handle of the C library, which `close()` gives back. A `with` block closes it at its end."""

    _guard: Guard

    def close(self) -> None:
        """Gives the handle back. A second call has no effect."""
        raise NotImplementedError

    def __enter__(self: Closed) -> Closed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if self._guard.handle is None:
            return
        warnings.warn(f"unclosed {self!r}: close it, or use it in a 'with' statement", ResourceWarning, source=self)
        self.close()
