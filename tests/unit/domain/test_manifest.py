"""A manifest comes back as it was written, or not at all."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monops.domain.errors import Damaged, Refused
from monops.domain.manifest import (
    BlockRecord,
    GoldenAnswer,
    Manifest,
    ObjectRecord,
    SourceRecord,
    block_record,
    decode,
    encode,
)
from monops.domain.tsdb import Block

text = st.text(max_size=20)
number = st.integers(0, 1 << 62)
objects = st.builds(ObjectRecord, key=text, sha256=text, bytes_stored=number, bytes_inside=number, files=number)
blocks = st.builds(
    BlockRecord,
    ulid=text,
    object=text,
    min_time=st.integers(-(1 << 62), 1 << 62),
    max_time=number,
    level=number,
    samples=number,
    series=number,
    chunks=number,
)
answers = st.recursive(
    st.none() | st.booleans() | number | text | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
golden = st.builds(GoldenAnswer, kind=text, question=text, answer=answers, at=st.none() | st.floats(0, 1e10))
sources = st.builds(
    SourceRecord,
    name=text,
    capture=text,
    reach=text,
    place=text,
    objects=st.lists(text, max_size=3).map(tuple),
    uid=number,
    gid=number,
    mode=text,
    blocks=st.lists(blocks, max_size=2).map(tuple),
    golden=st.lists(golden, max_size=2).map(tuple),
    warnings=st.lists(text, max_size=2).map(tuple),
)
manifests = st.builds(
    Manifest,
    format=st.just(1),
    id=text,
    taken_at=st.just("2026-11-23T01:02:03+00:00"),
    host=text,
    monops=text,
    project=text,
    sources=st.lists(sources, max_size=2).map(tuple),
    objects=st.lists(objects, max_size=3).map(tuple),
    failed=st.lists(text, max_size=2).map(tuple),
)

EXAMPLE = Manifest(
    format=1,
    id="20261123T010203Z-höst-ab12",
    taken_at="2026-11-23T01:02:03+00:00",
    host="höst",
    monops="0.1.0",
    project="monitoring",
    sources=(
        SourceRecord(
            name="prometheus",
            capture="snapshot",
            reach="mountpoint",
            place="prom-data",
            objects=("objects/prometheus/a.tar.zst", "objects/prometheus/b.tar.zst"),
            uid=65534,
            gid=65534,
            mode="0755",
            golden=(GoldenAnswer(kind="promql", question="up", answer=[[{"job": "x"}, 1.0]], at=1.5),),
        ),
        SourceRecord(name="grafana", capture="live", reach="archive", place="g", objects=(), uid=1, gid=2, mode="0700"),
    ),
    objects=(
        ObjectRecord(key="objects/prometheus/a.tar.zst", sha256="a" * 64, bytes_stored=5, bytes_inside=7, files=1),
        ObjectRecord(key="objects/prometheus/b.tar.zst", sha256="b" * 64, bytes_stored=11, bytes_inside=13, files=2),
    ),
)


@given(manifests)
def test_a_manifest_comes_back_as_it_was_written(manifest: Manifest) -> None:
    assert decode(encode(manifest), "x") == manifest


@given(manifests)
@settings(max_examples=30)
def test_what_is_stored_is_plain_json_with_a_checksum(manifest: Manifest) -> None:
    fields = json.loads(encode(manifest))
    assert fields["format"] == 1
    assert re.fullmatch("sha256:[0-9a-f]{64}", fields["checksum"])


def test_no_flipped_bit_anywhere_goes_unnoticed() -> None:
    data = encode(EXAMPLE)
    for position in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            try:
                found = decode(bytes(flipped), "x")
            except (Damaged, Refused):
                continue
            # The hex digits of an escape may change their case: nothing else may pass.
            assert found == EXAMPLE, (position, bit)
            assert b"\\u" in data[position - 5 : position + 1], (position, bit)


def test_a_manifest_that_was_cut_anywhere_is_damaged() -> None:
    data = encode(EXAMPLE).rstrip()
    for size in range(len(data)):
        with pytest.raises(Damaged):
            decode(data[:size], "x")


@pytest.mark.parametrize("number", [0, 2, "1", None, 1.5, [1]])
def test_another_format_is_refused_with_both_numbers(number: object) -> None:
    fields = json.loads(encode(EXAMPLE)) | {"format": number}
    with pytest.raises(
        Refused, match=f"has store format {re.escape(str(number))}, this monops reads format 1"
    ) as caught:
        decode(json.dumps(fields).encode(), "the-manifest")
    assert caught.value.remedy


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b'"x"', b"1", b"{}", b"\xff\xfe", b'{"format": 1}', b"{" * 50])
def test_what_is_no_manifest_is_damaged_and_named(data: bytes) -> None:
    with pytest.raises(Damaged, match="the-manifest"):
        decode(data, "the-manifest")


def test_a_right_checksum_over_missing_fields_is_damaged() -> None:
    from monops.domain import manifest

    fields = {"format": 1, "id": "x"}
    data = json.dumps(fields | {"checksum": manifest._checksum(fields)}).encode()
    with pytest.raises(Damaged, match="not complete"):
        decode(data, "x")


def test_white_space_and_order_do_not_matter() -> None:
    fields = json.loads(encode(EXAMPLE))
    assert decode(json.dumps(dict(reversed(fields.items())), indent=8).encode(), "x") == EXAMPLE


def test_each_object_and_each_source_has_a_line_of_its_own() -> None:
    lines = encode(EXAMPLE).decode().splitlines()
    for key in ("objects/prometheus/a.tar.zst", "objects/prometheus/b.tar.zst"):
        (line,) = [line for line in lines if line.strip().startswith('{"key"') and key in line]
        assert json.loads(line.rstrip(","))["key"] == key
    assert sum(line.strip().startswith('{"name"') for line in lines) == 2
    assert max(map(len, lines)) < 500


def test_sums_and_look_ups() -> None:
    assert (EXAMPLE.bytes_stored, EXAMPLE.bytes_inside) == (16, 20)
    assert EXAMPLE.complete
    assert EXAMPLE.source("grafana") is EXAMPLE.sources[1]
    assert EXAMPLE.source("alertmanager") is None
    assert EXAMPLE.record("objects/prometheus/b.tar.zst").files == 2


def test_a_block_keeps_its_numbers() -> None:
    block = Block(ulid="U", min_time=1, max_time=2, level=3, samples=4, series=5, chunks=6)
    assert block_record(block, "key") == BlockRecord(
        ulid="U", object="key", min_time=1, max_time=2, level=3, samples=4, series=5, chunks=6
    )
