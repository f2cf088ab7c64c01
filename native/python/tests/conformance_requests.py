"""The requests to the conformance peer, and its replies. native/test/conformance/words.h describes their form."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, unquote


class Request:
    """A request: one line of the standard input."""

    def __init__(self, line: str) -> None:
        self.number, self.action, *words = line.split()
        self.words = [word.split("=", 1) for word in words]

    def all(self, key: str) -> list[str]:
        """Returns every value of a key, as the line has it."""
        return [value for known, value in self.words if known == key]

    def text(self, key: str, otherwise: str = "") -> str:
        values = self.all(key)
        return unquote(values[0]) if values else otherwise

    def integer(self, key: str, otherwise: int) -> int:
        values = self.all(key)
        return int(values[0]) if values else otherwise


def encoded(value: Any) -> Any:
    """Returns a value with all its texts percent-encoded."""
    if isinstance(value, str):
        return quote(value, safe="")
    if isinstance(value, dict):
        return {key: encoded(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [encoded(part) for part in value]
    return value


def reply(number: str, value: Any) -> None:
    """Answers a request."""
    print(number, json.dumps(encoded(value)), flush=True)
