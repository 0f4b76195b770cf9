"""Destinations as people write them, and the sizes of the parts of an upload."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monops.domain.destination import (
    GIB,
    LARGEST_PART_BYTES,
    MIB,
    MOST_PARTS,
    DirectoryTarget,
    S3Settings,
    S3Target,
    base_part_size,
    parse_destination,
    part_size_for,
)
from monops.domain.errors import ConfigurationError, UsageFault


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/srv/backups", "/srv/backups"),
        ("backups", "backups"),
        ("./a b", "./a b"),
        ("~/backups", "~/backups"),
        (" /srv/x ", "/srv/x"),
        ("C:backups", "C:backups"),
        ("file:///srv/my%20backups", "/srv/my backups"),
        ("file:/srv/backups", "/srv/backups"),
        ("FILE://localhost/srv", "/srv"),
    ],
)
def test_paths_and_file_urls_are_directories(text: str, path: str) -> None:
    assert parse_destination(text) == DirectoryTarget(path=path)


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        ("s3://backups", "backups", ""),
        ("s3://backups/", "backups", ""),
        ("s3://backups/mon/eu-1/", "backups", "mon/eu-1"),
        ("S3://my.bucket-1/x", "my.bucket-1", "x"),
        ("s3://Old_Bucket/x", "Old_Bucket", "x"),
    ],
)
def test_s3_urls_are_buckets_with_a_prefix(text: str, bucket: str, prefix: str) -> None:
    target = parse_destination(text)
    assert target == S3Target(bucket=bucket, prefix=prefix)
    assert parse_destination(target.url) == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "s3:/bucket/x",
        "s3:/",
        "s3://",
        "s3:///prefix",
        "s3://b",
        "s3://buck et/x",
        "s3://-bucket",
        "s3://bucket/a//b",
        "s3://bucket/../x",
        "https://s3.example.org/bucket",
        "sftp://host/path",
        "s3a://bucket/x",
        "file://host/path",
        "file://",
    ],
)
def test_what_is_no_destination_is_a_usage_fault_with_a_remedy(text: str) -> None:
    with pytest.raises(UsageFault) as caught:
        parse_destination(text)
    assert "monops backup --to" in caught.value.remedy


def test_one_slash_too_few_is_mended_in_the_remedy() -> None:
    with pytest.raises(UsageFault) as caught:
        parse_destination("s3:/bucket/x")
    assert caught.value.remedy == "monops backup --to s3://bucket/x"


@pytest.mark.parametrize("text", ["s3://AKIAEXAMPLE:secret99@bucket/x", "https://user:secret99@host/bucket"])
def test_credentials_in_a_url_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageFault) as caught:
        parse_destination(text)
    assert "secret99" not in f"{caught.value} {caught.value.remedy}"
    assert "AKIAEXAMPLE" not in f"{caught.value} {caught.value.remedy}"


def test_settings_do_not_show_their_secrets() -> None:
    settings = S3Settings(
        bucket="b", prefix="p", access_key_id="KEY99", secret_access_key="SECRET99", session_token="TOKEN99"
    )
    assert not any(secret in repr(settings) for secret in ("KEY99", "SECRET99", "TOKEN99"))
    assert settings.url == "s3://b/p"


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="part size"):
        S3Settings(bucket="b", part_size_bytes=MIB)
    with pytest.raises(ConfigurationError, match="workers = 0"):
        S3Settings(bucket="b", workers=0)
    with pytest.raises(ConfigurationError, match="attempts = 0"):
        S3Settings(bucket="b", attempts=0)


def parts_of(length: int, base: int) -> int:
    """How many parts an object of `length` bytes has."""
    number = 0
    while length > 0:
        number += 1
        length -= part_size_for(number, base)
    return number


guesses = st.integers(0, 3 << 40)
minimums = st.integers(5 * MIB, 128 * MIB)


@given(at_most=guesses, minimum=minimums, share=st.floats(0, 1))
def test_a_right_guess_needs_parts_of_one_size_and_never_all_of_them(at_most: int, minimum: int, share: float) -> None:
    base = base_part_size(at_most, minimum)
    assert base >= max(minimum, -(-at_most // 1000))
    assert base % MIB == 0
    count = parts_of(int(at_most * share), base)
    assert count <= 800
    assert {part_size_for(number, base) for number in range(1, count + 1)} <= {base}


@given(at_most=st.integers(0, 100 * GIB), minimum=minimums, factor=st.floats(1, 6))
def test_a_guess_that_was_too_small_still_never_needs_more_than_1000_parts(
    at_most: int, minimum: int, factor: float
) -> None:
    base = base_part_size(at_most, minimum)
    assert parts_of(int(max(at_most, 60 * GIB) * factor), base) <= MOST_PARTS


@given(number=st.integers(1, 999), at_most=guesses, minimum=minimums)
def test_parts_never_shrink_and_stay_within_what_s3_takes(number: int, at_most: int, minimum: int) -> None:
    base = base_part_size(at_most, minimum)
    assert base <= part_size_for(number, base) <= part_size_for(number + 1, base) <= LARGEST_PART_BYTES


def test_without_any_guess_400_gib_fit() -> None:
    assert parts_of(400 * GIB, base_part_size(0, 8 * MIB)) <= MOST_PARTS
