"""What of `docker inspect` is kept, and that nothing secret is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monops.domain.rebuild import is_secret_file, rebuild_facts, without_secret, words_without_secrets

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GF_SECURITY_ADMIN_PASSWORD=hunter2", "GF_SECURITY_ADMIN_PASSWORD=<removed>"),
        ("API_KEY=hunter2", "API_KEY=<removed>"),
        ("AWS_ACCESS_KEY_ID=hunter2", "AWS_ACCESS_KEY_ID=<removed>"),
        ("SLACK_WEBHOOK_URL=https://hooks.example/hunter2", "SLACK_WEBHOOK_URL=<removed>"),
        ("PASSWORD=with spaces and = hunter2", "PASSWORD=<removed>"),
        ("--requirepass=hunter2", "--requirepass=<removed>"),
        ("redis-server --port=6379 --requirepass hunter2", "redis-server --port=6379 --requirepass <removed>"),
        ("exec redis-server --requirepass 'hunter2 x' --port 1", "exec redis-server --requirepass <removed> --port 1"),
        ("TOKEN=hunter2 run --fast", "TOKEN=<removed>"),
        ("cd /x && TOKEN=hunter2 run --fast", "cd /x && TOKEN=<removed> run --fast"),
        ("redis-cli -a hunter2 ping", "redis-cli -a <removed> ping"),
        ("redis-cli -h x -a hunter2 ping", "redis-cli -h x -a <removed> ping"),
        ("REDIS_ADDR=redis://user:hunter2@host:6379", "REDIS_ADDR=redis://user:<removed>@host:6379"),
        ("redis://:hunter2@host", "redis://:<removed>@host"),
        ("http://api/metrics?token=hunter2", "http://api/metrics?token=<removed>"),
        ("http://api/probe?module=a&token=hunter2&x=1", "http://api/probe?module=a&token=<removed>&x=1"),
        ('Get "http://api/m?a=b&api_key=hunter2": EOF', 'Get "http://api/m?a=b&api_key=<removed>": EOF'),
        ("DATABASE_URL=postgres://u:hun@ter2@db/x?y=1", "DATABASE_URL=postgres://u:<removed>@db/x?y=1"),
    ],
)
def test_the_value_of_what_sounds_secret_is_removed(text: str, shown: str) -> None:
    assert without_secret(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "GF_SERVER_ROOT_URL=https://grafana.example/",
        "GF_SECURITY_ADMIN_PASSWORD__FILE=/run/secrets/admin",
        "--web.config.file=/etc/web.yml",
        "--redis.password-file=/run/secrets/redis",
        "GF_AUTH_ANONYMOUS_ENABLED=true",
        "PASSWORD=",
        "http://host:9090/path@x",
        "http://auth-service:9115/probe?target=web&module=http",
        "--storage.tsdb.retention.time=30d",
        "plain words",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secret(text) == text


@pytest.mark.parametrize(
    "words",
    [
        ["redis-server", "--requirepass", SECRET],
        ["redis-server", f"--requirepass={SECRET}"],
        ["sh", "-c", f"redis-server --requirepass {SECRET}"],
        ["sh", "-c", f'redis-server --requirepass "{SECRET}"'],
        ["redis-server", "--masterauth", SECRET, "--port", "6379"],
        ["CMD", "redis-cli", "-a", SECRET, "ping"],
        ["CMD-SHELL", f"redis-cli -a {SECRET} ping || exit 1"],
        ["exporter", f"--redis.addr=redis://x:{SECRET}@h"],
    ],
)
def test_a_secret_in_a_command_is_removed_however_it_is_written(words: list[str]) -> None:
    shown = words_without_secrets(words)
    assert SECRET not in " ".join(shown)
    assert len(shown) == len(words)


def test_flags_behind_a_secret_flag_without_a_value_stay() -> None:
    words = ["x", "--with-token", "--port", "80", "-a", "b"]
    assert words_without_secrets(words) == words


RAW: dict[str, Any] = {
    "Name": "/mon-redis-1",
    "Image": "sha256:abc",
    "Config": {
        "Image": "redis:8",
        "User": "999",
        "Entrypoint": ["docker-entrypoint.sh", "--requirepass", SECRET],
        "Cmd": ["redis-server", "--requirepass", SECRET],
        "Env": [f"REDIS_PASSWORD={SECRET}", "TZ=UTC", f"URL=http://u:{SECRET}@h"],
        "Labels": {
            "traefik.basicauth": SECRET,
            "com.example": f"http://u:{SECRET}@h",
            "com.docker.compose.service": "r",
        },
        "Healthcheck": {"Test": ["CMD", "redis-cli", "-a", SECRET, "ping"], "Interval": 5},
        "AttachStdin": False,
    },
    "HostConfig": {
        "Binds": ["redis:/data:rw"],
        "LogConfig": {"Type": "splunk", "Config": {"splunk-token": SECRET, "splunk-url": "https://x"}},
        "Memory": 1 << 28,
        "NanoCpus": 0,
        "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
    },
    "Mounts": [
        {"Type": "volume", "Name": "redis", "Source": "/x", "Destination": "/data", "RW": True, "Driver": "local"}
    ],
    "NetworkSettings": {"Networks": {"mon_default": {"Aliases": ["redis"], "IPAddress": "172.18.0.2"}}},
}


def test_no_secret_of_a_container_is_kept() -> None:
    assert SECRET not in json.dumps(rebuild_facts(RAW))


def test_what_rebuilding_needs_is_kept() -> None:
    facts = rebuild_facts(RAW)
    assert facts["Name"] == "mon-redis-1"
    assert facts["Config"]["Image"] == "redis:8"
    assert facts["Config"]["Cmd"] == ["redis-server", "--requirepass", "<removed>"]
    assert facts["Config"]["Env"] == ["REDIS_PASSWORD=<removed>", "TZ=UTC", "URL=http://u:<removed>@h"]
    assert facts["Config"]["Labels"]["com.docker.compose.service"] == "r"
    assert facts["Config"]["Healthcheck"]["Interval"] == 5
    assert facts["HostConfig"]["Binds"] == ["redis:/data:rw"]
    assert facts["HostConfig"]["Memory"] == 1 << 28
    assert facts["HostConfig"]["LogConfig"]["Config"]["splunk-url"] == "https://x"
    assert facts["HostConfig"]["RestartPolicy"] == {"Name": "unless-stopped", "MaximumRetryCount": 0}
    assert facts["Mounts"] == [{"Type": "volume", "Name": "redis", "Source": "/x", "Destination": "/data", "RW": True}]
    assert facts["Networks"] == {"mon_default": {"Aliases": ["redis"]}}


def test_an_inspection_with_nothing_in_it_gives_nothing() -> None:
    facts = rebuild_facts({})
    assert facts["Config"] == {"Cmd": [], "Env": [], "Labels": {}}
    assert facts["Mounts"] == []


@pytest.mark.parametrize("path", [".env", "a/.env", ".env.prod", "secrets/x", "a/.secrets/b/c", "tls.key", "x/.PGPASS"])
def test_files_of_secrets_are_known_by_name(path: str) -> None:
    assert is_secret_file(path)


@pytest.mark.parametrize("path", ["prometheus.yml", "secrets", "env", "rules/secrets.yml", "dashboards/keys.json"])
def test_other_files_are_none(path: str) -> None:
    assert not is_secret_file(path)
