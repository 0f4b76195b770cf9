"""Every file that `monops init` writes, from the choices made: the same choices give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from monops import __version__
from monops.domain.errors import UsageFault
from monops.domain.nearest import did_you_mean, listed
from monops.domain.stack import COMPOSE_FILE
from monops.domain.yaml_text import scalar
from monops.stack import runbooks
from monops.stack.alerts import GROUPS
from monops.stack.alerts.model import TimeScale, rule_file
from monops.stack.dashboards import DASHBOARDS, as_json
from monops.stack.metrics import API_GATEWAY, APPLICATION_JOBS, BROWSER_WORKERS, BULLMQ, QUOTA_TRACKER
from monops.stack.options import IMAGES, LIMITS, NEEDED, PORTS, RECEIVERS, SAMPLE_IMAGES, SERVICES, StackOptions
from monops.stack.runbook_page import as_html, index_html

if TYPE_CHECKING:
    import jinja2

#: Folders that the containers mount, which must exist with nothing in them; the secrets' are private.
FOLDERS = ("textfile",)
#: Receiver -> the secret file that it cannot do without, from the stack's folder.
RECEIVER_SECRETS = {
    "slack": "secrets/alertmanager/slack-url",
    "webhook": "secrets/alertmanager/webhook-url",
}
#: The mail server's, where --smtp-user names somebody there.
SMTP_PASSWORD = "secrets/alertmanager/smtp-password"  # noqa: S105 - a file's name
#: Jobs whose targets are in `targets/JOB.yml`: (form, example).
TARGET_FORMS = {
    "node": ("HOST:PORT of a node exporter on another machine", "10.0.0.5:9100"),
    "redis": ("redis://HOST:PORT, or rediss:// with TLS", "redis://redis:6379"),
    **{job: ("HOST:PORT", f"{job}-2:9090") for job in APPLICATION_JOBS},
}
#: What the main system's services are called, as far as the setup document says.
_TARGETS = {
    "redis": ("redis://redis:6379",),
    BROWSER_WORKERS: ("browser-worker-1:9090",),
    QUOTA_TRACKER: ("quota-tracker:9090",),
    API_GATEWAY: ("api-gateway:9090",),
    BULLMQ: ("bullmq:9090",),
}
_SAMPLE_TARGETS = {**_TARGETS, BROWSER_WORKERS: ("browser-worker-1:9090", "browser-worker-2:9090")}
#: Seconds between two scrapes in production.
_SCRAPE_SECONDS = 15


@dataclass(frozen=True, slots=True)
class ShippedFile:
    """One file: its path in the stack's folder and what is in it."""

    path: str
    text: str


def check_options(options: StackOptions) -> None:
    """Raises UsageFault for names that no service has, and choices that exclude each other."""
    for flag, names, known in (
        ("--without", options.without, tuple(name for name in SERVICES if name not in NEEDED)),
        ("--port", options.ports, (*PORTS, "sample-app")),
        ("--cpus, --memory", options.limits, tuple(LIMITS)),
        ("--target", options.targets, tuple(TARGET_FORMS)),
        ("--image", options.images, tuple(IMAGES | SAMPLE_IMAGES)),
        ("--receiver", options.receivers, RECEIVERS),
    ):
        for name in names:
            if name not in known:
                raise UsageFault(
                    f"{flag}: there is no {name!r}, only {listed(known)}.{did_you_mean(name, known)}",
                    remedy="monops init --help",
                )
    used: dict[int, str] = {}
    for service in (*options.services, *(("sample-app",) if options.sample_app else ())):
        number = options.sample_app_port if service == "sample-app" else PORTS.get(service) and options.port(service)
        if number and number in used:
            raise UsageFault(
                f"{service} and {used[number]} cannot both have port {number}",
                remedy=f"monops init --port {service}={number - 1 if number == 65535 else number + 1}",
            )
        if number:
            used[number] = service
    if options.sample_app and options.network:
        raise UsageFault(
            "the sample application plays the main system, so there is no network of that to join",
            remedy="monops init --network none --sample-app; or: monops init --no-sample-app",
        )


def shipped(options: StackOptions) -> tuple[ShippedFile, ...]:
    """Every file for these choices, sorted by path. Raises UsageFault as `check_options`."""
    check_options(options)
    found = [
        *_settings(options),
        *_rules(options),
        *_targets(options),
        *_grafana(options),
        *_runbooks(),
        *_sample_app(options),
    ]
    return tuple(sorted(found, key=lambda file: file.path))


def images(options: StackOptions) -> dict[str, str]:
    """Compose variable -> image, for the services chosen."""
    wanted = IMAGES | (SAMPLE_IMAGES if options.sample_app else {})
    left_out = {f"{name.upper().replace('-', '_')}_IMAGE" for name in options.without}
    return {name: options.images.get(name, image) for name, image in wanted.items() if name not in left_out}


def _settings(options: StackOptions) -> Iterator[ShippedFile]:
    scale = TimeScale(options.time_scale)
    scrape = max(1, round(_SCRAPE_SECONDS * min(1.0, options.time_scale)))
    values = {
        "o": options,
        "d": scale.duration,
        "limits": lambda service: _limits(options, service),
        "images": images(options),
        "application_jobs": APPLICATION_JOBS,
        "scrape_interval": f"{scrape}s",
        "scrape_timeout": f"{min(10, scrape)}s",
    }
    yield ShippedFile(COMPOSE_FILE, _filled(f"{COMPOSE_FILE}.j2", values))
    yield ShippedFile(".env", _filled("env.j2", values))
    yield ShippedFile(".gitignore", "# Secrets, and what was replaced.\n/secrets/\n/.monops/before/\n")
    yield ShippedFile("prometheus.yml", _filled("prometheus.yml.j2", values))
    yield ShippedFile("monops.toml", _filled("monops.toml.j2", values))
    if "alertmanager" in options.services:
        yield ShippedFile("alertmanager.yml", _filled("alertmanager.yml.j2", values))
    if "grafana" in options.services:
        yield ShippedFile("grafana/provisioning/datasources/datasources.yml", _filled("datasources.yml.j2", values))
        yield ShippedFile("grafana/provisioning/dashboards/dashboards.yml", _filled("dashboards.yml.j2", values))


def _limits(options: StackOptions, service: str) -> str:
    limit = options.limit(service)
    return (
        "    deploy:\n      resources:\n        limits:\n"
        f'          cpus: "{limit.cpus:g}"\n          memory: {limit.memory}\n'
        f"        reservations:\n          memory: {limit.reserve_memory}"
    )


def _rules(options: StackOptions) -> Iterator[ShippedFile]:
    head = (
        "Written by `monops init`. Edit it as you like; promtool says whether it is right:\n"
        f"  docker exec {options.prefix}-prometheus promtool check rules /etc/prometheus/rules/{{group}}.yml"
    )
    for group in GROUPS:
        text = rule_file(group, TimeScale(options.time_scale), head.format(group=group.name) + "\n\n")
        yield ShippedFile(f"rules/{group.name}.yml", text.replace("# \n", "#\n"))


def _targets(options: StackOptions) -> Iterator[ShippedFile]:
    usual = _SAMPLE_TARGETS if options.sample_app else _TARGETS if options.network else {}
    for job, (form, example) in TARGET_FORMS.items():
        if (job == "node" and "node-exporter" in options.without) or (
            job == "redis" and "redis-exporter" in options.without
        ):
            continue
        default = ("sample-host:9090",) if job == "node" and options.sample_app else usual.get(job, ())
        values = {"job": job, "form": form, "example": example, "addresses": options.targets.get(job, default)}
        yield ShippedFile(f"targets/{job}.yml", _filled("targets.yml.j2", values))


def _grafana(options: StackOptions) -> Iterator[ShippedFile]:
    if "grafana" not in options.services:
        return
    for dashboard in DASHBOARDS:
        text = as_json(dashboard)
        yield ShippedFile(f"grafana/dashboards/{dashboard.uid}.json", text)
        if dashboard.uid == "ai-orchestrator":
            # The same file, where the setup document has it: for import by hand into another Grafana.
            yield ShippedFile("grafana-dashboard.json", text)


@cache
def _runbooks() -> tuple[ShippedFile, ...]:
    pages = runbooks.pages()
    return (
        *(ShippedFile(f"runbooks/{name}.html", as_html(name, markdown)) for name, markdown in pages.items()),
        ShippedFile("runbooks/index.html", index_html(tuple(pages))),
    )


def _sample_app(options: StackOptions) -> Iterator[ShippedFile]:
    if not options.sample_app:
        return
    folder = resources.files("monops.stack.sample_app")
    for file in sorted(folder.iterdir(), key=lambda found: found.name):
        if file.name.endswith(".py") and file.name != "__init__.py":
            yield ShippedFile(f"sample-app/{file.name}", file.read_text(encoding="utf-8"))


def _filled(template: str, values: Mapping[str, object]) -> str:
    """A template with its marks `<[ ]>` and `<% %>` filled in; those of Compose and of Go stay as they are."""
    return _environment().get_template(template).render({"version": __version__, **values})


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 - no HTML comes from these
        loader=jinja2.FunctionLoader(_template),
        undefined=jinja2.StrictUndefined,
        variable_start_string="<[",
        variable_end_string="]>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["scalar"] = scalar
    return environment


def _template(name: str) -> str:
    return (resources.files("monops.stack") / "templates" / name).read_text(encoding="utf-8")
