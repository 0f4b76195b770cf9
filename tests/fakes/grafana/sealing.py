"""Secrets at rest: envelope encryption in shape, a toy cipher in substance.

True of the real Grafana (9 and newer): a data key lives in `data_keys`, encrypted by `[security] secret_key`;
what it encrypts carries its name as `#<base64 name>#<payload>`; with another secret_key the data key cannot
be opened, so data source secrets fail with "Failed to decrypt secret" while logging in still works.
Source: Grafana documentation, "Configure database encryption"; `pkg/services/secrets/manager`.
Not true here: the cipher. It is a SHA-256 keystream with an HMAC, fit for tests and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sqlite3
from collections.abc import Mapping

_SALT, _TAG = 8, 16


class CannotDecrypt(Exception):
    """The key is not the one that the secret was sealed with."""


def seal(key: bytes, plain: bytes) -> bytes:
    """Salt, tag and ciphertext in one string of bytes."""
    salt = os.urandom(_SALT)
    cipher = _keystream(key, salt, plain)
    return salt + hmac.new(key, salt + cipher, hashlib.sha256).digest()[:_TAG] + cipher


def unseal(key: bytes, sealed: bytes) -> bytes:
    """Give back what was sealed. Raises CannotDecrypt under any other key."""
    salt, tag, cipher = sealed[:_SALT], sealed[_SALT : _SALT + _TAG], sealed[_SALT + _TAG :]
    if not hmac.compare_digest(tag, hmac.new(key, salt + cipher, hashlib.sha256).digest()[:_TAG]):
        raise CannotDecrypt("Failed to decrypt secret")
    return _keystream(key, salt, cipher)


def fingerprint(secret_key: str) -> str:
    """A short digest of the secret_key, to tell two keys apart without showing them."""
    return hashlib.sha256(b"grafana-stand-in:" + secret_key.encode()).hexdigest()[:16]


def encrypt_fields(connection: sqlite3.Connection, secret_key: str, fields: Mapping[str, str], now: str) -> str:
    """Seal each value under the active data key, made if none opens, and return the JSON to store."""
    if not fields:
        return "{}"
    name, key = _active_key(connection, secret_key, now)
    prefix = "#" + base64.b64encode(name.encode()).decode().rstrip("=") + "#"
    return json.dumps({k: prefix + base64.b64encode(seal(key, v.encode())).decode() for k, v in fields.items()})


def decrypt_fields(connection: sqlite3.Connection, secret_key: str, stored: str | None) -> dict[str, str]:
    """Undo `encrypt_fields`. Raises CannotDecrypt if the data key is missing or does not open."""
    opened: dict[str, str] = {}
    for field, text in json.loads(stored or "{}").items():
        _, name64, payload = text.split("#", 2)
        name = base64.b64decode(name64 + "=" * (-len(name64) % 4)).decode()
        row = connection.execute("SELECT encrypted_data FROM data_keys WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise CannotDecrypt("Failed to decrypt secret")
        key = unseal(secret_key.encode(), row[0])
        opened[field] = unseal(key, base64.b64decode(payload)).decode()
    return opened


def _active_key(connection: sqlite3.Connection, secret_key: str, now: str) -> tuple[str, bytes]:
    query = "SELECT name, encrypted_data FROM data_keys WHERE active = 1 ORDER BY created DESC"
    for name, sealed in connection.execute(query).fetchall():
        try:
            return name, unseal(secret_key.encode(), sealed)
        except CannotDecrypt:
            continue
    name, key = "standin-" + os.urandom(6).hex(), os.urandom(16)
    connection.execute(
        "INSERT INTO data_keys (name, active, scope, provider, encrypted_data, created, updated, label)"
        " VALUES (?, 1, 'root', 'secretKey.v1', ?, ?, ?, ?)",
        (name, seal(secret_key.encode(), key), now, now, f"{now[:10]}/root@secretKey.v1"),
    )
    return name, key


def _keystream(key: bytes, salt: bytes, data: bytes) -> bytes:
    blocks = range(len(data) // 32 + 1)
    stream = b"".join(hashlib.sha256(key + salt + n.to_bytes(4, "big")).digest() for n in blocks)
    return bytes(a ^ b for a, b in zip(data, stream, strict=False))
