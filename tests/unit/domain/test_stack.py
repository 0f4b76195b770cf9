"""Finding the stack among an engine's containers, and each source's data in it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from monops.domain.errors import NotFound, UsageFault, VolumeMissing
from monops.domain.place import Place
from monops.domain.ports import Container, Mount
from monops.domain.stack import Stack, data_place, find_stack, service_of


def container(
    name: str,
    image: str = "",
    *,
    project: str = "mon",
    service: str | None = None,
    state: str = "running",
    command: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
    mounts: tuple[Mount, ...] = (),
    working_dir: str = "",
    image_id: str = "",
) -> Container:
    return Container(
        id=f"id-of-{name}",
        name=name,
        image=image or name,
        image_id=image_id or f"sha256:{name}",
        state=state,
        health="",
        project=project,
        service=name if service is None else service,
        command=command,
        environment=environment or {},
        labels={},
        mounts=mounts,
        ports={},
        addresses={},
        working_dir=working_dir,
        raw={},
    )


def volume(destination: str, name: str = "data") -> Mount:
    return Mount(type="volume", name=name, source=f"/var/lib/docker/volumes/{name}/_data", destination=destination)


def bind(source: str, destination: str) -> Mount:
    return Mount(type="bind", name="", source=source, destination=destination)


# --- which service -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "service"),
    [
        ("prom/prometheus", "prometheus"),
        ("prom/prometheus:v3.5.3", "prometheus"),
        ("prometheus", "prometheus"),
        ("quay.io/prometheus/prometheus:v3", "prometheus"),
        ("localhost:5000/prometheus", "prometheus"),
        ("localhost:5000/mirror/prom/prometheus:v3", "prometheus"),
        ("prom/prometheus@sha256:0123456789abcdef", "prometheus"),
        ("prom/prometheus:v3@sha256:0123456789abcdef", "prometheus"),
        ("bitnami/Prometheus:latest", "prometheus"),
        ("grafana/grafana:12", "grafana"),
        ("grafana/grafana-oss", "grafana"),
        ("grafana/grafana-enterprise:12.4.0", "grafana"),
        ("prom/alertmanager", "alertmanager"),
        ("prom/node-exporter", "node-exporter"),
        ("oliver006/redis_exporter:v1-alpine", "redis-exporter"),
        ("ghcr.io/google/cadvisor:v0.60.5", "cadvisor"),
        ("redis:8", None),
        ("grafana/loki", None),
        ("sha256:0123456789abcdef", None),
        ("", None),
    ],
)
def test_a_service_is_known_by_its_image(image: str, service: str | None) -> None:
    assert service_of(container("x", image or "x")) == service


def test_an_unknown_image_is_known_by_its_compose_service() -> None:
    assert service_of(container("mon-p-1", "example.org/ours:7", service="prometheus")) == "prometheus"
    assert service_of(container("mon-p-1", "sha256:0123", service="grafana")) == "grafana"
    assert service_of(container("mon-p-1", "example.org/ours:7", service="web")) is None


def test_the_image_says_more_than_the_service_name() -> None:
    assert service_of(container("x", "grafana/grafana", service="prometheus")) == "grafana"


# --- which stack ---------------------------------------------------------------------------------

PROMETHEUS = container("mon-prometheus-1", "prom/prometheus", service="prometheus")
GRAFANA = container("mon-grafana-1", "grafana/grafana", service="grafana")
REDIS = container("mon-redis-1", "redis", service="redis")
OTHER = container("other-prometheus-1", "prom/prometheus", project="other", service="prometheus")


def test_a_stack_is_found_with_all_of_its_containers() -> None:
    stack = find_stack([REDIS, GRAFANA, PROMETHEUS, container("web", project="shop")], project=None)
    assert stack.project == "mon"
    assert stack.services == {"prometheus": PROMETHEUS, "grafana": GRAFANA}
    assert stack.containers == (REDIS, GRAFANA, PROMETHEUS)
    assert stack.container("grafana") is GRAFANA


def test_a_service_that_the_stack_lacks_is_not_found() -> None:
    with pytest.raises(NotFound, match="the stack mon has no alertmanager"):
        find_stack([PROMETHEUS], project=None).container("alertmanager")


def test_exporters_alone_are_no_stack() -> None:
    with pytest.raises(NotFound, match="no Prometheus, Grafana or Alertmanager container"):
        find_stack([container("x", "prom/node-exporter"), REDIS], project=None)


def test_exporters_belong_to_the_stack() -> None:
    exporter = container("mon-node-1", "prom/node-exporter")
    assert find_stack([PROMETHEUS, exporter], project=None).services["node-exporter"] is exporter


def test_several_running_stacks_are_told_and_one_is_to_be_chosen() -> None:
    with pytest.raises(UsageFault, match="there are 2 stacks: mon and other") as caught:
        find_stack([PROMETHEUS, OTHER], project=None)
    assert caught.value.remedy == "choose one: monops --project mon …"
    assert find_stack([PROMETHEUS, OTHER], project="other").services == {"prometheus": OTHER}


def test_a_container_that_is_named_says_which_of_several_stacks_is_meant() -> None:
    single = container("prom", "prom/prometheus", project="")
    found = find_stack([PROMETHEUS, OTHER, single], project=None, named={"prometheus": OTHER.name})
    assert (found.project, found.services) == ("other", {"prometheus": OTHER})
    alone = find_stack([PROMETHEUS, OTHER, single], project=None, named={"prometheus": "prom"})
    assert alone.services == {"prometheus": single}


def test_of_a_stack_and_a_single_container_the_remedy_names_the_stack() -> None:
    single = container("prom", "prom/prometheus", project="")
    with pytest.raises(UsageFault, match=r"\(no project\) and mon") as caught:
        find_stack([single, PROMETHEUS], project=None)
    assert caught.value.remedy == "choose one: monops --project mon …"


def test_a_stopped_stack_does_not_compete_with_a_running_one() -> None:
    stopped = container("old-prometheus-1", "prom/prometheus", project="old", state="exited")
    assert find_stack([stopped, PROMETHEUS], project=None).project == "mon"
    assert find_stack([stopped, PROMETHEUS], project="old").project == "old"


def test_a_stopped_stack_is_found_when_it_is_the_only_one() -> None:
    stopped = container("old-prometheus-1", "prom/prometheus", project="old", state="exited")
    assert find_stack([stopped, REDIS], project=None).services == {"prometheus": stopped}


def test_a_project_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(NotFound, match=r"named 'othr'\. Did you mean 'other'") as caught:
        find_stack([PROMETHEUS, OTHER], project="othr")
    assert caught.value.remedy == "docker compose ls --all"


def test_of_two_containers_of_a_service_the_running_one_counts() -> None:
    old = container("a-old", "prom/prometheus", state="exited")
    assert find_stack([old, PROMETHEUS], project=None).services["prometheus"] is PROMETHEUS


def test_a_container_outside_compose_is_a_stack_of_its_own() -> None:
    single = container("prom", "prom/prometheus", project="")
    stack = find_stack([single, container("web", project="")], project=None)
    assert stack.project == ""
    assert stack.containers == (single,)


def test_a_container_named_in_the_configuration_counts_whatever_its_image() -> None:
    ours = container("our-tsdb", "example.org/ours", service="tsdb")
    for name in ("our-tsdb", "id-of-our-tsdb"):
        stack = find_stack([ours, GRAFANA], project=None, named={"prometheus": name})
        assert stack.services == {"prometheus": ours, "grafana": GRAFANA}


def test_a_named_container_alone_is_a_stack() -> None:
    ours = container("our-tsdb", "example.org/ours", service="tsdb", project="shop")
    stack = find_stack([ours, REDIS], project=None, named={"prometheus": "our-tsdb"})
    assert (stack.project, stack.services) == ("shop", {"prometheus": ours})


def test_a_named_container_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(NotFound, match=r"\[grafana\] names the container 'mon-grafna-1'.*Did you mean 'mon-grafana-1'"):
        find_stack([PROMETHEUS, GRAFANA], project=None, named={"grafana": "mon-grafna-1"})


# --- where its data are --------------------------------------------------------------------------


def place(service: str, found: Container, *, volume: str | None = None) -> Place:
    stack = Stack(project="mon", services={service: found}, containers=(found, REDIS))
    return data_place(service, found, stack, volume=volume)


@pytest.mark.parametrize(
    ("command", "working_dir", "destination", "subpath"),
    [
        (("prometheus", "--storage.tsdb.path=/prometheus"), "/prometheus", "/prometheus", ""),
        (("prometheus", "--storage.tsdb.path", "/prometheus"), "/", "/prometheus", ""),
        (("prometheus", "--storage.tsdb.path=/data/tsdb"), "/", "/data", "tsdb"),
        (("prometheus", "--storage.tsdb.path=/data/tsdb/"), "/", "/data/", "tsdb"),
        (("prometheus", "--storage.tsdb.path=x"), "/prometheus", "/prometheus", "x"),
        (("prometheus", "--storage.tsdb.path=./x/../y"), "/w", "/w", "y"),
        (("prometheus", "--storage.tsdb.path=x"), "", "/x", ""),
        (("prometheus", "--storage.tsdb.path=/a", "--storage.tsdb.path=/b"), "/", "/b", ""),
        # Without the flag Prometheus writes to data/ where it was started.
        (("prometheus", "--config.file=x"), "/prometheus", "/prometheus", "data"),
        (("prometheus", "--config.file=x"), "/prometheus", "/prometheus/data", ""),
        # A script in the image may give the flag: then it is the usual folder.
        (("/run.sh",), "/", "/prometheus", ""),
        # A flag that only begins alike is another.
        (("prometheus", "--storage.tsdb.path.x=/z", "--storage.tsdb.path=/p"), "/", "/p", ""),
    ],
)
def test_prometheus_data_are_where_its_flag_says(
    command: tuple[str, ...], working_dir: str, destination: str, subpath: str
) -> None:
    found = container("p", command=command, working_dir=working_dir, mounts=(volume(destination),))
    assert place("prometheus", found) == Place(volume="data", subpath=subpath, images=("sha256:p", REDIS.image_id))


def test_grafana_data_are_where_its_environment_says() -> None:
    moved = container("g", environment={"GF_PATHS_DATA": "/srv/g"}, mounts=(volume("/srv", "big"),))
    usual = container("g", mounts=(volume("/var/lib/grafana"),))
    assert place("grafana", moved) == Place(volume="big", subpath="g", images=("sha256:g", REDIS.image_id))
    assert place("grafana", usual).volume == "data"


def test_alertmanager_data_are_where_its_flag_says() -> None:
    found = container("a", command=("alertmanager", "--storage.path=/alertmanager"), mounts=(volume("/alertmanager"),))
    assert (place("alertmanager", found).volume, place("alertmanager", found).subpath) == ("data", "")


def test_the_innermost_mount_holds_the_data() -> None:
    mounts = (volume("/srv", "outer"), volume("/srv/prometheus", "inner"), volume("/srv/prom", "other"))
    found = container("p", command=("--storage.tsdb.path=/srv/prometheus/tsdb",), mounts=mounts)
    assert (place("prometheus", found).volume, place("prometheus", found).subpath) == ("inner", "tsdb")


def test_a_bind_mount_is_a_path_on_the_host() -> None:
    found = container("p", command=("--storage.tsdb.path=/data/tsdb",), mounts=(bind("/srv/prom", "/data"),))
    assert (place("prometheus", found).volume, place("prometheus", found).path) == ("", "/srv/prom/tsdb")
    exact = container("p", command=("--storage.tsdb.path=/data",), mounts=(bind("/srv/prom", "/data"),))
    assert place("prometheus", exact).path == "/srv/prom"


def test_an_anonymous_volume_holds_data_too() -> None:
    found = container("p", command=("--storage.tsdb.path=/prometheus",), mounts=(volume("/prometheus", "f" * 64),))
    assert place("prometheus", found).volume == "f" * 64


@pytest.mark.parametrize(
    "mounts",
    [
        (),
        (Mount(type="tmpfs", name="", source="", destination="/prometheus"),),
        (volume("/prom"),),
        (volume("/etc/prometheus"),),
        (Mount(type="npipe", name="", source="", destination=""),),
    ],
)
def test_data_that_end_with_the_container_are_refused(mounts: tuple[Mount, ...]) -> None:
    found = container("p", command=("--storage.tsdb.path=/prometheus",), mounts=mounts)
    with pytest.raises(VolumeMissing, match="p keeps its data in /prometheus, which no volume holds") as caught:
        place("prometheus", found)
    assert "docker compose up -d prometheus" in caught.value.remedy


def test_a_volume_named_in_the_configuration_counts() -> None:
    found = container("p", command=("--storage.tsdb.path=/data/tsdb",), mounts=(volume("/data"),))
    assert place("prometheus", found, volume="elsewhere").volume == "elsewhere"
    assert place("prometheus", found, volume="elsewhere").subpath == ""
    # The one that is mounted there: the folder in it is known.
    assert place("prometheus", found, volume="data").subpath == "tsdb"


def test_the_containers_own_image_is_the_first_helper() -> None:
    found = container("p", command=("--storage.tsdb.path=/p",), mounts=(volume("/p"),), image_id="sha256:own")
    assert place("prometheus", found).images == ("sha256:own", REDIS.image_id)
