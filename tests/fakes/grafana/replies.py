"""Requests and replies as the handlers see them.

True of the real Grafana: errors are JSON bodies with `message`, and for authentication also `messageId` and
`statusCode`; a missing permission is told by name.
Source: Grafana documentation, "HTTP API reference"; grafana/grafana `pkg/api/response`, `pkg/util/errutil`,
`pkg/services/accesscontrol/middleware.go`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What goes back to the client."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One call, after authentication."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    #: What the path's pattern caught.
    parts: tuple[str, ...] = ()
    login: str = ""

    def one(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else default

    def number(self, name: str, default: int) -> int:
        """A query parameter as a number. Raises Problem (400) if it is not one."""
        text = self.one(name) or str(default)
        if not text.isdecimal():
            raise Problem(400, "bad request data")
        return int(text)

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises Problem (400) if it is not one."""
        try:
            document = json.loads(self.body)
        except ValueError as error:
            raise Problem(400, "bad request data") from error
        if not isinstance(document, dict):
            raise Problem(400, "bad request data")
        return document


class Problem(Exception):
    """An error reply: its status, its message and further fields."""

    def __init__(self, status: int, message: str, /, **more: object) -> None:
        super().__init__(message)
        self.reply = as_json({"message": message, **more}, status)


def as_json(document: object, status: int = 200) -> Reply:
    """A JSON reply."""
    return Reply(status, json.dumps(document).encode())


def unauthorized(message: str, message_id: str) -> Problem:
    """401 as the real one words it."""
    return Problem(401, message, messageId=message_id, statusCode=401, traceID="")


def forbidden(permission: str) -> Problem:
    """403 as the real one words it."""
    message = f"You'll need additional permissions to perform this action. Permissions needed: {permission}"
    return Problem(403, message, accessErrorId="ACE0000000000", title="Access denied")
