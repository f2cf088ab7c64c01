"""The memory of a connection that a program sees in place."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from . import _library as c
from ._bytes import View
from ._guard import Guard
from .errors import error_of

library = c.library


class Memory:
    """The views of one connection: at most one of a borrowed message, and one of a claim."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._borrowed: View | None = None
        self._claimed: View | None = None
        #: A claim that its block did not send stands until no object refers to its bytes.
        self.is_given_up = False

    @contextmanager
    def claim(self, channel: int, length: int) -> Iterator[memoryview]:
        """As `Channel.claim()`."""
        if isinstance(length, bool) or not isinstance(length, int):
            raise TypeError(f"the length of a claim is an integer; {type(length).__name__} was given")
        if length < 0:
            raise error_of("InvalidParameter", f"the length of a claim is 0 bytes or more; {length} was given")
        address = ctypes.c_void_p()
        with self._guard as handle:
            self.give_up(handle)
            c.check(library.en_claim(handle, channel, length, ctypes.byref(address)))
            view = None if address.value is None or length == 0 else View(address.value, length, True)
            self._claimed = view
        try:
            yield memoryview(b"") if view is None else view.shown
            if view is not None:
                view.release()
            with self._guard as handle:
                self._claimed = None
                c.check(library.en_commit(handle))
        except BaseException:
            if self._guard.handle is not None:
                self.is_given_up = True
                self._guard.late = self._give_up_late
                # Each call gives the claim up, so this one does, unless another thread is inside a call.
                with suppress(RuntimeError), self._guard:
                    pass
            raise

    @contextmanager
    def show(self, message: c.Message) -> Iterator[memoryview]:
        """Shows a received message until the end of the block."""
        if message.length == 0:
            yield memoryview(b"")
            return
        view = View(message.bytes, message.length, False)
        self._borrowed = view
        yield view.shown
        view.release()
        self._borrowed = None

    def release_borrowed(self) -> None:
        """Ends the view of the borrowed message, before the library reuses its memory."""
        if self._borrowed is not None:
            self._borrowed.release()
            self._borrowed = None

    def give_up(self, handle: int) -> None:
        """Ends a claim that its block did not send, unless that is done. `BufferError`: an object still refers to the
        bytes. The claim then stays, so that the library does not reuse them."""
        if self.is_given_up:
            self.release_claimed()
            library.en_abort(handle)

    def _give_up_late(self, handle: int) -> None:
        # A claim holds the whole connection: the peer would not even learn that this side has read its messages.
        with suppress(BufferError):
            self.give_up(handle)

    def release_claimed(self) -> None:
        """Ends the view of a claim, before the library reuses its memory."""
        if self._claimed is not None:
            self._claimed.release()
            self._claimed = None
        self.is_given_up = False
        self._guard.late = None

    def release(self) -> None:
        """Ends all views."""
        self.release_borrowed()
        self.release_claimed()
