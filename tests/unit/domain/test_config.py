"""monops.toml: what it holds, and every fault with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monops.domain.config import Config, key_lines, parse, schema
from monops.domain.errors import ConfigurationError

EVERYTHING = """
[stack]
project = "monitoring"

[prometheus]
container = "mon-prometheus-1"
volume = "prom-data"
url = "http://127.0.0.1:9090"
capture = "live"

[grafana]
url = "https://grafana.example"

[sources.config]
path = "/srv/stack"

[destinations.local]
url = "/srv/backups"

[destinations.s3]
url = "s3://bucket/prefix"
endpoint = "http://127.0.0.1:9000"
path_style = true
sse = "AES256"
checksums = "when_required"
access_key_id_file = "/run/secrets/id"
secret_access_key_file = "/run/secrets/key"

[backup]
to = ["local", "s3"]
sources = ["prometheus", "grafana"]
compression = "gzip:9"
encrypt_to = ["age1xyz"]
"""


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "monops.toml")
    assert caught.value.remedy == "mend it, then: monops --config monops.toml config check"
    return caught.value.message.splitlines()


def test_everything_that_may_stand_in_it_is_read() -> None:
    config = parse(EVERYTHING, "monops.toml")
    assert config.stack.project == "monitoring"
    assert config.prometheus.capture == "live"
    assert config.services()["grafana"].url == "https://grafana.example"
    assert config.sources["config"].path == "/srv/stack"
    assert config.destinations["s3"].path_style is True
    assert config.destinations["local"].checksums == "auto"
    assert config.backup.to == ("local", "s3")
    assert config.backup.compression == "gzip:9"


def test_an_empty_file_is_the_defaults() -> None:
    assert parse("", "x") == Config()
    assert parse("# nothing\n", "x") == Config()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[prometeus]\n", "monops.toml:1: unknown section 'prometeus'; did you mean 'prometheus'?"),
        ("\n\n[xyzzy]\n", "monops.toml:3: unknown section 'xyzzy'"),
        ("project = 'x'\n", "monops.toml:1: unknown key 'project'"),
        ("[stack]\n\nprojet = 'x'\n", "monops.toml:3: unknown key 'projet' in [stack]; did you mean 'project'?"),
        (
            "[destinations.a]\nurl = 'x'\nregin = 'y'\n",
            "monops.toml:3: unknown key 'regin' in [destinations.a]; did you mean 'region'?",
        ),
        ("[sources.grafna]\npath = 'x'\n", "monops.toml:1: unknown source 'grafna'; did you mean 'grafana'?"),
        ("[destinations.a]\n", "monops.toml:1: [destinations.a] needs url"),
        ("\n[sources.grafana]\n", "monops.toml:2: [sources.grafana] needs path"),
        (
            "[destinations]\nlocal = '/srv'\n",
            "monops.toml:2: destinations.local is a section: write [destinations.local]",
        ),
        ("destinations = '/srv'\n", "monops.toml:1: destinations is a table: write [destinations.NAME]"),
        ("stack = 'x'\n", "monops.toml:1: stack is a section: write [stack]"),
        ("[[backup]]\nto = []\n", "monops.toml:1: backup is a section: write [backup]"),
        ("[stack]\nproject = 3\n", "monops.toml:2: stack.project = 3: it must be str, not int"),
        ("[stack]\nproject = ''\n", "monops.toml:2: stack.project = '': it must not be empty"),
        ("[backup]\nto = 'x'\n", "monops.toml:2: backup.to = 'x': it must be array, not str"),
        ("[backup]\nto = [1]\n", "monops.toml:2: backup.to = [1]: it must be str, not int"),
        (
            "[destinations.a]\nurl = 'x'\npath_style = 'yes'\n",
            "monops.toml:3: destinations.a.path_style = 'yes': it must be bool, not str",
        ),
        (
            "[backup]\ncompression = 'zip'\n",
            "monops.toml:2: backup.compression = 'zip': it does not have the right form: monops config schema",
        ),
        (
            "[grafana]\ncapture = 'fast'\n",
            "monops.toml:2: grafana.capture = 'fast': it is none of the allowed words: monops config schema",
        ),
        (
            "[prometheus]\nurl = 'localhost:9090'\n",
            "monops.toml:2: prometheus.url = 'localhost:9090': it does not have the right form: monops config schema",
        ),
        ("[prometheus]\nurl = 2026-01-01\n", "it must be str, not date"),
        ("destinations = {a = {}}\n", "monops.toml:1: [destinations.a] needs url"),
    ],
)
def test_a_fault_is_told_with_its_line_and_the_nearest_right_name(text: str, fault: str) -> None:
    (found,) = faults(text)
    assert found.endswith(fault)


@pytest.mark.parametrize(
    "compression", ["zstd:0", "zstd:20", "zstd:", "gzip:0", "gzip:10", "none:1", "", "ZSTD", "lz4"]
)
def test_a_compression_that_cannot_be_is_refused(compression: str) -> None:
    faults(f"[backup]\ncompression = '{compression}'\n")


@pytest.mark.parametrize("compression", ["zstd", "zstd:1", "zstd:19", "gzip", "gzip:9", "none"])
def test_a_compression_that_can_be_is_taken(compression: str) -> None:
    assert parse(f"[backup]\ncompression = '{compression}'\n", "x").backup.compression == compression


def test_all_faults_are_told_at_once_by_line() -> None:
    found = faults("[backup]\nto = 3\n\n[stack]\nprojct = 'x'\n\n[prometheus]\nurl = 'x'\n\n[graphana]\n")
    assert [re.match(r"monops.toml:(\d+):", line)[1] for line in found] == ["2", "5", "8", "10"]  # type: ignore[index]


def test_a_syntax_error_is_told_with_its_line() -> None:
    (found,) = faults("[stack]\nproject = \n")
    assert found.startswith("monops.toml: ")
    assert "line 2" in found
    (found,) = faults("[stack]\n[stack]\n")
    assert "line 2" in found


@pytest.mark.parametrize(
    "text",
    [
        "[grafana]\nurl = 'ftp://user:hunter2@host'\n",
        "[destinations.a]\nurl = 's3://b'\nendpoint = 'tcp://key:hunter2@host'\n",
        "[destinations.a]\nurl = 's3://b'\nsecret_access_key = 'hunter2'\n",
        "[backup]\nencrypt_to = 'AGE-SECRET-KEY-1hunter2'\n",
        "[backup]\nencrypt_to = [['AGE-SECRET-KEY-1hunter2']]\n",
        "password = 'hunter2'\n",
        "[stack]\npassword = 'hunter2\n",
    ],
)
def test_no_secret_is_shown(text: str) -> None:
    assert "hunter2" not in "\n".join(faults(text))


def test_the_schema_names_every_section() -> None:
    fields = schema()["$defs"]["Config"]["properties"]
    assert set(fields) == {
        "stack",
        "prometheus",
        "grafana",
        "alertmanager",
        "sources",
        "destinations",
        "backup",
        "notify",
    }


# --- lines ---------------------------------------------------------------------------------------

bare = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
value = st.sampled_from(["1", "'x'", '"a = b"', "true", "[1, 2]", "[\n  'x',\n  'y', # z\n]", "2026-01-01", "{a = 1}"])


def written(name: str, how: int) -> str:
    return (name, f'"{name}"', f"'{name}'", f" {name} ")[how]


@st.composite
def documents(draw: st.DrawFn) -> str:
    """TOML with tables, keys, comments and blank lines; no name twice."""
    lines = []
    tables = draw(st.lists(st.lists(bare, min_size=1, max_size=3).map(tuple), unique_by=lambda t: t[0], max_size=4))
    for table in [(), *tables]:
        if table:
            lines.append("[" + ".".join(written(part, draw(st.integers(0, 3))) for part in table) + "]")
            lines[-1] += draw(st.sampled_from(["", "  # comment", " "]))
        for key in draw(st.lists(bare, unique=True, max_size=3)):
            if not table and any(key == t[0] for t in tables):
                continue
            lines.append(f"{written(key, draw(st.integers(0, 2)))} = {draw(value)}")
            lines += draw(st.lists(st.sampled_from(["", "# a = 1", "  "]), max_size=1))
    return "\n".join(lines) + "\n"


def paths(found: dict[str, Any], before: str = "") -> Iterator[str]:
    for key, inner in found.items():
        yield before + key
        if isinstance(inner, dict) and set(inner) != {"a"}:  # not the inline table
            yield from paths(inner, f"{before}{key}.")


@given(documents())
def test_every_table_and_key_that_tomllib_finds_has_a_line_and_stands_on_it(text: str) -> None:
    lines = key_lines(text)
    for path in paths(tomllib.loads(text)):
        assert path.split(".")[-1] in text.splitlines()[lines[path] - 1], path


@given(st.text(max_size=200))
def test_no_text_makes_anything_but_a_configuration_or_that_error(text: str) -> None:
    try:
        parse(text, "monops.toml")
    except ConfigurationError:
        pass
