"""Where monops itself listens, as a person writes it."""

from __future__ import annotations

from monops.domain.errors import UsageFault

_LAST = 65535


def listen_address(text: str, *, command: str) -> tuple[str, int]:
    """`172.17.0.1:9096` as host and port; `[::1]:9096` too.

    `command`: what was typed without `--listen`. Raises UsageFault for what is no address.
    """
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) <= _LAST:
        raise UsageFault(f"--listen {text!r} is no address", remedy=f"{command} --listen 172.17.0.1:9096")
    return host.removeprefix("[").removesuffix("]"), int(port)
