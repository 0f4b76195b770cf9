"""The commands of the pages that need the stack which ships, with the sample application: run on it, page by page."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.shipped import Shipped, wait_until_well, written_stack
from tests.integration.support import MONOPS, ROOT, eventually, wait_until
from tests.integration.test_how_to import ON_THE_SHIPPED_STACK

HOW_TO = ROOT / "docs" / "how-to"
QUERIES = HOW_TO / "queries.md"
#: Pages that are run as a whole; the last ones change the stack's rules, and make Prometheus anew.
PAGES = [page for page in ON_THE_SHIPPED_STACK if page != QUERIES.stem]
INSTRUMENT = HOW_TO / "instrument-a-service.md"
#: Exit code 4 where an answer came too late at this moment: it is asked again, as a person would.
OF_THE_MOMENT = "\nmonops targets\n"
UNTIL_IT_IS_WELL = f"\ntimeout 120 bash -c 'until {OF_THE_MOMENT.strip()}; do sleep 2; done'\n"
#: The port of the sample application as the pages have it.
SAMPLE_APP = "localhost:8099"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
NO_DATA = "no data\n"

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(1200)]


@dataclass(frozen=True)
class Asked:
    """A command of the page on queries, and whether the page says that it gives no data."""

    command: str
    is_empty: bool


def queries() -> list[Asked]:
    """Every command of the page; what is printed stands below it where that matters."""
    page = QUERIES.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(page):
        if match[1] == "sh":
            following = _FENCE.match(page, match.end() + 1)
            is_empty = following is not None and following.groups() == ("text", NO_DATA)
            commands = [one for one in re.split(r"^(?=monops )", match[2], flags=re.MULTILINE) if one]
            found += [Asked(command.strip(), is_empty) for command in commands]
    return found


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    """The stack with the sample application, backed up once, after some seconds of its life."""
    if problem := engine_problem():
        pytest.skip(problem)
    folder = tmp_path_factory.mktemp("how-to")
    with written_stack(folder / "stack") as shipped:
        shipped.up()
        shipped.monops.backup("--to", folder / "backups")
        wait_until(lambda: bool(shipped.asked("monops_backup_last_run_success")), "the backup's metrics")
        wait_until(lambda: bool(shipped.asked("rate(requests_total[5s] offset 5s)")), "a while of traffic")
        wait_until_well(shipped)
        try:
            yield shipped
        finally:
            # A page that failed half way has not removed it, and the next run wants its name.
            subprocess.run(["docker", "rm", "--force", "victoria-metrics"], capture_output=True, check=False)


def run(stack: Shipped, commands: str) -> str:
    """What commands of a page print, run where its stack is; they must succeed."""
    commands = commands.replace(SAMPLE_APP, f"localhost:{stack.ports['sample-app']}")
    environment = stack.monops.whole_environment({"PATH": f"{MONOPS.parent}:{os.environ['PATH']}"})
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-xc", commands],
        cwd=stack.monops.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=570,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("asked", queries(), ids=lambda asked: asked.command.removeprefix("monops query ")[:60])
def test_a_query_of_the_page_answers_as_the_page_says(stack: Shipped, asked: Asked) -> None:
    # A busy machine answers a scrape late now and then: that is over with the next one.
    wait_until(lambda: (run(stack, asked.command) == NO_DATA) is asked.is_empty, "what the page says", within=30)


def test_the_page_on_queries_has_every_example_of_the_setup_document() -> None:
    page = [asked.command for asked in queries()]
    for example in (
        "rate(requests_total[1m])",
        "rate(requests_completed_total[5m]) / rate(requests_total[5m])",
        "quota_daily_used / quota_daily_limit",
        "histogram_quantile(0.95, rate(request_duration_seconds_bucket[5m]))",
        "sum(active_accounts_count)",
        "bullmq_queue_waiting",
    ):
        assert f"monops query '{example}'" in page
    assert [asked.command for asked in queries() if asked.is_empty] == [
        "monops query 'rate(requests_completed_total[5m]) / rate(requests_total[5m])'",
        "monops query 'up == 0'",
    ]


def test_the_commands_of_the_page_on_instrumenting_work(stack: Shipped) -> None:
    """Those of its own services run in test_instrument.py; here a service of the sample application stands for one."""
    commands = re.findall(r"^monops .*$", INSTRUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert [command.split()[1] for command in commands] == ["targets", "query"]

    def are_shown() -> None:
        shown = run(stack, commands[1])
        assert [line.split()[1::2] for line in shown.splitlines()[1:-1]] == [
            [f"{host}:9090", "1"] for host in ("api-gateway", "browser-worker-1", "browser-worker-2")
        ]

    def work() -> None:
        with stack.as_it_was("targets/browser-workers.yml"):
            assert "Prometheus scrapes it: up" in run(stack, commands[0].replace("my-worker:9090", "api-gateway:9090"))
            eventually(are_shown)

    # The first scrape of all can be late, and that is told.
    eventually(work)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_page_works_in_the_order_of_the_page(stack: Shipped, page: str) -> None:
    text = (HOW_TO / f"{page}.md").read_text(encoding="utf-8")
    commands = "\n".join(match[2] for match in _FENCE.finditer(text) if match[1] == "sh")
    assert commands, f"{page} shows no command"
    commands = commands.replace(OF_THE_MOMENT, UNTIL_IT_IS_WELL)
    with stack.as_it_was("targets/browser-workers.yml"):
        run(stack, commands)
