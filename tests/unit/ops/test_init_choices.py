"""From words to the stack's options: what is said now goes over what was said before, and nonsense is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monops.domain.errors import UsageFault
from monops.domain.exits import Exit
from monops.ops.init_choices import Choices, HostFacts, chosen
from monops.stack.options import LIMITS, StackOptions

HERE = HostFacts(bridge_address="172.18.0.1", root_is_shared=False)


def options(before: StackOptions | None = None, /, **said: Any) -> StackOptions:
    return chosen(Choices(**said), before, None)


def test_nothing_said_gives_the_defaults_and_what_was_found_out() -> None:
    assert options() == StackOptions()
    assert chosen(Choices(), None, HERE) == StackOptions(bridge_address="172.18.0.1", root_is_shared=False)


def test_choices_made_before_are_kept_and_those_of_now_go_over_them() -> None:
    before = options(
        network="main_default", without=("cadvisor",), ports=("grafana=3002",), retention_time="90d", sample_app=False,
        receivers=("slack",), memory=("prometheus=4G",), targets=("api-gateway=a:1",), images=("REDIS_IMAGE=redis:9",),
    )  # fmt: skip
    after = options(
        before, ports=("prometheus=9099",), retention_time="7d", cpus=("prometheus=2",), targets=("bullmq=b:2",),
    )  # fmt: skip
    assert after == msgspec.structs.replace(
        before,
        ports={"grafana": 3002, "prometheus": 9099},
        retention_time="7d",
        limits={"prometheus": msgspec.structs.replace(before.limits["prometheus"], cpus=2.0)},
        targets={"api-gateway": ("a:1",), "bullmq": ("b:2",)},
    )
    assert options(after) == after


def test_what_was_chosen_can_be_taken_back() -> None:
    before = options(network="n", without=("cadvisor",), receivers=("slack",), sample_app=None)
    after = options(before, network="none", without=("nothing",), receivers=("nobody",))
    assert after == StackOptions()
    assert options(options(network="n"), network="") == StackOptions()
    assert options(options(sample_app=True), sample_app=False) == StackOptions()
    assert options(options(retention_size="10GB"), retention_size="").retention_size == ""


def test_a_list_that_is_said_replaces_the_one_before() -> None:
    before = options(without=("cadvisor", "cadvisor"), receivers=("slack",), targets=("bullmq=a:1", "bullmq=b:1"))
    assert before.without == ("cadvisor",)
    assert before.targets == {"bullmq": ("a:1", "b:1")}
    after = options(before, without=("grafana",), receivers=("email", "webhook"), targets=("bullmq=c:1",))
    assert (after.without, after.receivers, after.targets) == (("grafana",), ("email", "webhook"), {"bullmq": ("c:1",)})


def test_the_sample_applications_port_is_one_of_the_ports() -> None:
    found = options(ports=("sample-app=8100", "grafana=3002"))
    assert (found.sample_app_port, found.ports) == (8100, {"grafana": 3002})


@given(
    st.sampled_from(sorted(LIMITS)),
    st.lists(st.integers(6, 64 * 1024), min_size=1, max_size=4),
    st.sampled_from(["M", "m"]),
)
def test_what_is_reserved_never_goes_over_the_limit(service: str, sizes: list[int], unit: str) -> None:
    found: StackOptions | None = None
    for size in sizes:
        found = options(found, memory=(f"{service}={size}{unit}",))
    assert found is not None
    limit = found.limit(service)
    reserved = limit.reserve_memory
    mebibytes = int(reserved[:-1]) * {"M": 1, "G": 1024}[reserved[-1]]
    assert mebibytes <= sizes[-1]


@pytest.mark.parametrize(
    ("said", "address"),
    [("0.0.0.0", "0.0.0.0"), ("::1", "[::1]"), ("[::1]", "[::1]"), ("192.168.000.1", None), ("10.0.0.7", "10.0.0.7")],
)
def test_an_address_is_written_as_compose_wants_it(said: str, address: str | None) -> None:
    if address is None:
        with pytest.raises(UsageFault):
            options(bind_address=said)
    else:
        assert options(bind_address=said).bind_address == address


@pytest.mark.parametrize(
    "said",
    [
        {"retention_time": "1y2w3d4h5m6s"},
        {"retention_size": "512MB"},
        {"images": ("GRAFANA_IMAGE=registry.example.com:5000/grafana/grafana@sha256:0a",)},
        {"targets": ("redis=rediss://redis:6379/1", "node=[::1]:9100")},
        {"email_to": "a@example.com, Ops <b@example.com>"},
        {"slack_channel": "C0123"},
        {"cpus": ("redis-exporter=0.05",)},
        {"memory": ("grafana=1.5g",)},
        {"time_scale": 1.0},
    ],
)
def test_what_the_services_understand_is_taken(said: dict[str, Any]) -> None:
    options(**said)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"project": "My Stack"}, "--name 'My Stack' is not a name of small letters"),
        ({"project": ""}, "--name '' is not a name"),
        ({"prefix": "-x"}, "--prefix '-x' is not a name"),
        ({"network": "a b"}, "--network 'a b' is not a network's name"),
        ({"bind_address": "localhost"}, "--bind 'localhost' is not an IP address"),
        ({"bind_address": "1.2.3.400"}, "--bind '1.2.3.400' is not an IP address"),
        ({"retention_time": "30"}, "--retention-time '30' is not a duration"),
        ({"retention_time": "0d"}, "--retention-time '0d' is not a duration"),
        ({"retention_time": "1h1d"}, "--retention-time '1h1d' is not a duration"),
        ({"retention_time": ""}, "--retention-time '' is not a duration"),
        ({"retention_size": "50G"}, "--retention-size '50G' is not a size"),
        ({"smtp": "smtp.example.com"}, "--smtp 'smtp.example.com' is not HOST:PORT"),
        ({"email_to": "ops"}, "--email-to 'ops' is not an address"),
        ({"email_from": "a@b\nc: d"}, "is not an address"),
        ({"slack_channel": "#two words"}, "--slack-channel '#two words' is not a channel"),
        ({"smtp_user": "a\nb"}, "is not a name"),
        ({"time_scale": 0.0}, "--time-scale 0 is not above 0"),
        ({"time_scale": 2.0}, "--time-scale 2 is not above 0 and at most 1"),
        ({"time_scale": float("nan")}, "--time-scale nan is not"),
        ({"ports": ("grafana",)}, "--port 'grafana' is not NAME=VALUE"),
        ({"ports": ("=1",)}, "--port '=1' is not NAME=VALUE"),
        ({"ports": ("grafana=http",)}, "--port grafana=http: a port is a number from 1 to 65535"),
        ({"ports": ("grafana=0",)}, "a port is a number from 1 to 65535"),
        ({"ports": ("grafana=65536",)}, "a port is a number from 1 to 65535"),
        ({"ports": ("grafana=²",)}, "a port is a number"),
        ({"cpus": ("grafana=half",)}, "--cpus grafana=half is not a number of processors"),
        ({"cpus": ("grafana=0",)}, "--cpus grafana=0 is not a number"),
        ({"cpus": ("grafana=inf",)}, "--cpus grafana=inf is not a number"),
        ({"memory": ("grafana=2GB",)}, "--memory grafana=2GB is not a size such as 512M"),
        ({"memory": ("grafana=512",)}, "--memory grafana=512 is not a size such as 512M or 2G, 6M or more"),
        ({"images": ("GRAFANA_IMAGE=my image",)}, "--image GRAFANA_IMAGE: 'my image' is no image's name"),
        ({"targets": ("api-gateway=http://a:1",)}, "--target api-gateway=http://a:1: write it as HOST:PORT"),
        ({"targets": ("api-gateway=a",)}, "--target api-gateway=a: write it as HOST:PORT"),
        ({"targets": ("redis=redis:6379",)}, "--target redis=redis:6379: write it as redis://HOST:PORT"),
    ],
)
def test_nonsense_is_refused_with_its_value_and_an_example(said: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageFault) as refused:
        options(**said)
    assert says in refused.value.message
    assert refused.value.exit is Exit.USAGE
    assert "monops init" in refused.value.remedy


def test_the_way_out_for_a_redis_without_its_scheme_is_the_right_url() -> None:
    with pytest.raises(UsageFault) as refused:
        options(targets=("redis=10.0.0.5:6379",))
    assert refused.value.remedy.endswith("--target redis=redis://10.0.0.5:6379")


def test_a_password_in_a_redis_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageFault) as refused:
        options(targets=("redis=redis://:hunter2@redis:6379",))
    assert "hunter2" not in refused.value.message + refused.value.remedy
    assert "secrets/redis-exporter/passwords.json" in refused.value.remedy


def test_the_examples_of_the_ways_out_are_right_themselves() -> None:
    for field, said in (("smtp", "x"), ("email_to", "x"), ("retention_time", "x"), ("network", "!"), ("project", "!")):
        with pytest.raises(UsageFault) as refused:
            options(**{field: said})
        options(**{field: refused.value.remedy.rsplit(" ", 1)[1].strip("'")})
