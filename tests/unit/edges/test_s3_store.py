"""S3 beyond what every store keeps: how its client is made, what was left unfinished, whole and missing buckets."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.s3_moto import SETTINGS, at

from monops.domain.destination import S3Settings
from monops.domain.errors import (
    NotFound,
)
from monops.edges.s3_store import S3Store, make_client

pytestmark = pytest.mark.usefixtures("quick_clients")


def config_of(settings: S3Settings) -> Any:
    return make_client(settings).meta.config


def test_checksums_and_path_style_follow_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    aws, own = replace(SETTINGS, endpoint_url=None, region="eu-west-1"), SETTINGS
    assert config_of(aws).request_checksum_calculation == "when_supported"
    assert config_of(aws).s3["addressing_style"] == "auto"
    assert config_of(own).request_checksum_calculation == "when_required"
    assert config_of(own).response_checksum_validation == "when_required"
    assert config_of(own).s3["addressing_style"] == "path"
    assert config_of(replace(own, checksums="when_supported")).request_checksum_calculation == "when_supported"
    assert config_of(replace(own, path_style=False)).s3["addressing_style"] == "virtual"
    assert config_of(replace(aws, path_style=True)).s3["addressing_style"] == "path"
    regional = replace(own, endpoint_url="https://s3.eu-west-1.amazonaws.com")
    assert config_of(regional).request_checksum_calculation == "when_supported"


def test_an_endpoint_of_the_environment_counts_like_one_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    config = config_of(replace(SETTINGS, endpoint_url=None))
    assert config.request_checksum_calculation == "when_required"
    assert config.s3["addressing_style"] == "path"


def test_what_killed_writers_left_is_listed_and_aborted_by_age(moto_port: int) -> None:
    client = make_client(at(moto_port))
    for key in ("p/objects/left", "other/objects/left"):
        client.create_multipart_upload(Bucket="bucket", Key=key)
    store = S3Store(at(moto_port))
    (left,) = store.unfinished()
    assert left.key == "objects/left"
    assert store.abort_unfinished(left.started) == 0
    assert store.sweep(older_than=left.started + timedelta(seconds=1)) == 1
    assert store.unfinished() == ()
    assert len(S3Store(at(moto_port, prefix="other")).unfinished()) == 1


def test_a_missing_bucket_is_not_found_when_prepared_and_says_how_to_make_it(moto_port: int) -> None:
    store = S3Store(at(moto_port, bucket="absent"))
    with pytest.raises(NotFound) as caught:
        store.prepare()
    assert caught.value.remedy == f"make it: aws s3 mb s3://absent --endpoint-url http://127.0.0.1:{moto_port}"
    with pytest.raises(NotFound):
        list(store.list(""))
    assert not store.exists()


def test_empty_objects_that_stand_for_folders_are_not_listed(moto_port: int) -> None:
    store = S3Store(at(moto_port, prefix="folders"))
    client = make_client(at(moto_port))
    for key in ("folders/", "folders/objects/", "foldersaside"):
        client.put_object(Bucket="bucket", Key=key, Body=b"")
    store.put("objects/x", b"x")
    assert [stored.key for stored in store.list("")] == ["objects/x"]


def test_a_store_may_have_the_whole_bucket(moto_port: int) -> None:
    client = make_client(at(moto_port))
    client.create_bucket(Bucket="whole")
    store = S3Store(at(moto_port, bucket="whole", prefix=""))
    store.put("monops.json", b"x")
    assert store.url == "s3://whole"
    assert [stored.key for stored in store.list("")] == ["monops.json"]


def test_the_module_is_imported_without_boto3() -> None:
    script = (
        "import sys, monops.edges.s3_store; print({m for m in sys.modules if m in ('boto3', 'botocore', 'urllib3')})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr
