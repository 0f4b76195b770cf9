"""Addresses as they are written. Small, because the process that probes from inside a network imports it too."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

_NOTHING = SplitResult(scheme="", netloc="", path="", query="", fragment="")


def is_address(text: str) -> bool:
    """Whether it is an IPv4 or IPv6 address, and no name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def parts_of(url: str) -> SplitResult:
    """`urlsplit`; every part is empty where the text is no URL, as `http://[::1:9100/metrics`, which a server may hold
    nevertheless."""
    try:
        return urlsplit(url)
    except ValueError:
        return _NOTHING


def port_of(parts: SplitResult) -> int | None:
    """The port that is written; None where there is none, or what is there is none."""
    try:
        return parts.port
    except ValueError:
        return None
