"""The plan of a remote write, where its secrets go, and how long monops waits for the first samples."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.change_world import CONFIG, FOLDER, ChangeWorld, Obedient
from tests.fakes.fake_engine import container
from tests.fakes.fake_outside import Killed

from monops.domain.change import Means, Value
from monops.domain.errors import Refused, UsageFault
from monops.domain.ports import Mount
from monops.domain.scale import LABEL
from monops.ops.change import apply
from monops.ops.change_recover import recover
from monops.ops.change_undo import plan_undo
from monops.ops.remote_write import PASSWORD, Asked, plan_remove, plan_set
from monops.ops.remote_write_health import SENT_WITHIN, counts, look, wait_for_samples
from monops.ops.secret_files import on_this_machine

URL = "http://storage/write"
ASKED = Asked(url=URL, name="longterm", settings={("basic_auth", "username"): "u"}, secrets={PASSWORD: "hunter2"})
SECRET = f"{FOLDER}/secrets/prometheus/remote-write-longterm-password"


@dataclass
class Counting(Obedient):
    """A Prometheus with its metrics, one answer after the other; the last stays."""

    answers_of_metrics: list[str] = field(default_factory=list)

    def metrics(self) -> str:
        found = self.answers_of_metrics
        return found.pop(0) if len(found) > 1 else "".join(found)


@pytest.fixture
def world(tmp_path: Path) -> ChangeWorld:
    return ChangeWorld(tmp_path, prometheus=Counting())


def nobody(_: tuple[str, str]) -> str:
    raise UsageFault("nobody is at a terminal to ask", remedy="--password-file FILE")


def test_the_password_is_a_file_that_prometheus_alone_may_read_and_no_diff_shows_it(world: ChangeWorld) -> None:
    plan = plan_set(world.shop(), ASKED, nobody)
    secret, config = plan.edits
    assert (secret.path, secret.after, secret.mode, secret.owner, secret.is_secret) == (
        SECRET,
        "hunter2",
        0o600,
        0,
        True,
    )
    assert "hunter2" not in str(secret.diff()) + str(config.diff()) + str(plan.values) + plan.title
    assert "password_file: /etc/prometheus/secrets/prometheus/remote-write-longterm-password" in (config.after or "")


def test_two_on_one_host_have_a_password_each(world: ChangeWorld) -> None:
    for path, password in (("a", "first"), ("b", "second")):
        asked = Asked(
            url=f"http://mimir:9009/{path}/push",
            settings={("basic_auth", "username"): "u"},
            secrets={PASSWORD: password},
        )
        apply(world.shop(), plan_set(world.shop(), asked, nobody))
    kept = f"{FOLDER}/secrets/prometheus/remote-write-mimir-9009-password"
    assert (world.files.texts[kept], world.files.texts[f"{kept}-2"]) == ("first", "second")


def test_undo_takes_the_entry_and_the_secret_away(world: ChangeWorld) -> None:
    before = dict(world.files.texts)
    apply(world.shop(), plan_set(world.shop(), ASKED, nobody))
    assert world.files.texts[SECRET] == "hunter2"
    apply(world.shop(), plan_undo(world.shop(), FOLDER, None))
    assert world.files.texts == before


def test_the_same_again_is_nothing_to_do(world: ChangeWorld) -> None:
    apply(world.shop(), plan_set(world.shop(), ASKED, nobody))
    assert plan_set(world.shop(), ASKED, nobody).is_empty


def test_what_the_file_says_and_prometheus_has_not_read_is_put_in_force(world: ChangeWorld) -> None:
    apply(world.shop(), plan_set(world.shop(), ASKED, nobody))
    # As if somebody had written the entry by hand, and never had it read.
    world.prometheus.loaded = "global: {}\n"
    plan = plan_set(world.shop(), ASKED, nobody)
    assert (plan.edits, [step.means for step in plan.steps]) == ((), [Means.RELOAD])
    assert Value("remote write to longterm", "", "is there") in plan.values
    assert any("was edited since Prometheus read it" in one for one in plan.warnings)
    apply(world.shop(), plan)
    assert URL in world.prometheus.loaded
    assert plan_set(world.shop(), ASKED, nobody).is_empty


def test_what_nobody_asked_for_is_no_reason_to_reload(world: ChangeWorld) -> None:
    apply(world.shop(), plan_set(world.shop(), ASKED, nobody))
    world.files.texts[CONFIG] = world.files.texts[CONFIG].replace("{}", "{scrape_interval: 5s}")
    assert plan_set(world.shop(), ASKED, nobody).is_empty


def test_a_password_that_is_known_is_not_asked_for_again(world: ChangeWorld) -> None:
    asked = replace(ASKED, secrets={})
    with pytest.raises(UsageFault, match="nobody is at a terminal"):
        plan_set(world.shop(), asked, nobody)
    apply(world.shop(), plan_set(world.shop(), asked, lambda _: "hunter2"))
    assert plan_set(world.shop(), asked, nobody).is_empty


def test_a_secret_file_that_is_not_there_is_refused(world: ChangeWorld) -> None:
    for inside, said in (
        ("/etc/prometheus/none", "there is no secret"),
        ("/prometheus/none", "no folder of this machine"),
    ):
        asked = Asked(url=URL, settings={("basic_auth", "password_file"): inside})
        with pytest.raises(Refused, match=said):
            plan_set(world.shop(), asked, nobody)


def test_removing_the_only_one_needs_no_name_and_leaves_the_file_as_it_was(world: ChangeWorld) -> None:
    before = world.files.texts[CONFIG]
    apply(world.shop(), plan_set(world.shop(), ASKED, nobody))
    apply(world.shop(), plan_remove(world.shop(), None))
    assert world.files.texts[CONFIG] == before


def test_its_secret_goes_with_it_and_undo_brings_it_back(world: ChangeWorld) -> None:
    apply(world.shop(), plan_set(world.shop(), ASKED, nobody))
    world.files.modes[SECRET] = (0o640, 1234)
    plan = plan_remove(world.shop(), None)
    assert any(f"{SECRET} goes too" in one for one in plan.warnings)
    config, secret = plan.edits
    # The configuration first: nothing is to name a file that is gone.
    assert (config.path, secret.path, secret.after, secret.is_secret) == (CONFIG, SECRET, None, True)
    assert "hunter2" not in str([edit.diff() for edit in plan.edits]) + str(plan.values) + str(plan.warnings)
    apply(world.shop(), plan)
    assert SECRET not in world.files.texts
    apply(world.shop(), plan_undo(world.shop(), FOLDER, None))
    assert (world.files.texts[SECRET], world.files.modes[SECRET]) == ("hunter2", (0o640, 1234))


def test_the_secret_is_there_until_prometheus_has_let_go_of_its_queue(
    world: ChangeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(world.shop(), plan_set(world.shop(), ASKED, nobody))
    seen, reload = [], world.reload

    def reloaded() -> str:
        seen.append(SECRET in world.files.texts)
        return reload()

    monkeypatch.setattr(world, "reload", reloaded)
    apply(world.shop(), plan_remove(world.shop(), None))
    assert (seen, SECRET in world.files.texts) == ([True], False)


@pytest.mark.parametrize("ends_at", range(8))
def test_killed_anywhere_the_entry_and_its_secret_are_there_or_gone_together(world: ChangeWorld, ends_at: int) -> None:
    apply(world.shop(), plan_set(world.shop(), ASKED, nobody))
    plan = plan_remove(world.shop(), None)
    with suppress(Killed):
        apply(world.shop(ends_at), plan)
    recover(world.shop(), FOLDER)
    assert (SECRET in world.files.texts) == ("remote_write" in world.files.texts[CONFIG])
    assert not any(one.state.is_open for one in world.history.entries())


def test_a_secret_that_another_names_stays_and_it_is_said(world: ChangeWorld) -> None:
    inside = "/etc/prometheus/secrets/prometheus/remote-write-longterm-password"
    apply(world.shop(), plan_set(world.shop(), ASKED, nobody))
    other = Asked(
        url="http://other/",
        name="second",
        settings={("basic_auth", "username"): "u", ("basic_auth", "password_file"): inside},
    )
    apply(world.shop(), plan_set(world.shop(), other, nobody))
    plan = plan_remove(world.shop(), "longterm")
    assert [edit.path for edit in plan.edits] == [CONFIG]
    assert f"the secret file {SECRET} stays: the remote write to second names it too" in plan.warnings


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("scrape_configs: [{job_name: j, authorization: {credentials_file: secrets/prometheus/s}}]", "the job j names"),
        ("scrape_config_files: [more/*.yml]", "scrape_config_files of /stack/prometheus.yml perhaps"),
    ],
)
def test_whatever_may_name_a_secret_keeps_it(world: ChangeWorld, lines: str, says: str) -> None:
    path = f"{FOLDER}/secrets/prometheus/s"
    world.files.texts[path] = "x"
    inside = "/etc/prometheus/secrets/prometheus/s"
    entry = f"remote_write: [{{url: 'http://x/', basic_auth: {{password_file: {inside}}}}}]"
    world.files.texts[CONFIG] = f"{lines}\n{entry}\n"
    world.reload()
    plan = plan_remove(world.shop(), None)
    assert [edit.path for edit in plan.edits] == [CONFIG]
    assert any(says in one for one in plan.warnings)


def test_a_secret_stays_while_copies_of_this_prometheus_name_it(world: ChangeWorld) -> None:
    apply(world.shop(), plan_set(world.shop(), ASKED, nobody))
    world.world.engine.add(replace(container("prometheus-b", "b"), labels={LABEL: "shard=0 replica=b"}))
    plan = plan_remove(world.shop(), None)
    assert [edit.path for edit in plan.edits] == [CONFIG]
    assert any(f"{SECRET} stays: p-prometheus-b-1, which is made of p-prometheus-1, names" in one
               for one in plan.warnings)  # fmt: skip


def test_a_secret_that_is_not_the_stacks_own_stays(world: ChangeWorld) -> None:
    world.files.texts[f"{FOLDER}/mine"] = "x"
    entry = "remote_write: [{url: 'http://x/', basic_auth: {password_file: /etc/prometheus/mine}}]"
    world.files.texts[CONFIG] = f"{entry}\n"
    world.reload()
    plan = plan_remove(world.shop(), None)
    assert [edit.path for edit in plan.edits] == [CONFIG]
    assert "the secret file /stack/mine stays: it is not in the stack's own folder /stack/secrets" in plan.warnings


def test_a_path_is_here_only_if_a_folder_of_this_machine_has_it(world: ChangeWorld) -> None:
    mounts = (
        Mount(type="bind", name="", source="/stack", destination="/etc/prometheus"),
        Mount(type="bind", name="", source="/stack/secrets/prometheus", destination="/run/secrets"),
        Mount(type="volume", name="data", source="/v", destination="/prometheus"),
    )
    raw = {"HostConfig": {"Tmpfs": {"/etc/prometheus/secrets": ""}}}
    found = replace(world.running, mounts=mounts, raw=raw)
    assert on_this_machine(found, "/run/secrets/a") == "/stack/secrets/prometheus/a"
    assert on_this_machine(found, "/etc/prometheus/x/../a") == "/stack/a"
    assert on_this_machine(found, "/etc/prometheus/secrets/a") is None
    assert on_this_machine(found, "/prometheus/a") is None
    assert on_this_machine(found, "/elsewhere") is None


# --- the first samples -----------------------------------------------------------------------------


def metrics(tried: float, *, failed: float = 0, retried: float = 0, sent: float = 0) -> str:
    labels = f'{{remote_name="longterm",url="{URL}"}}'
    counted = {"samples_total": tried, "samples_failed_total": failed, "samples_retried_total": retried,
               "queue_highest_sent_timestamp_seconds": sent}  # fmt: skip
    return "".join(f"prometheus_remote_storage_{name}{labels} {value}\n" for name, value in counted.items())


def waited(
    world: ChangeWorld,
    before: str,
    after: Sequence[str],
    log: Sequence[str] = (),
    *,
    reloaded: str = "2026-11-23T08:00Z",
) -> tuple[str, float]:
    """(the error, seconds waited)."""
    seconds = datetime.fromisoformat(reloaded).timestamp()
    after = [f"prometheus_config_last_reload_success_timestamp_seconds {seconds}\n{one}" for one in after]
    prometheus = world.prometheus
    assert isinstance(prometheus, Counting)
    shop = world.shop()
    world.world.engine.last_words = tuple(log)
    prometheus.answers_of_metrics = [before]
    earlier = counts(shop, world.running)
    prometheus.answers_of_metrics = list(after)
    start = shop.outside.clock.monotonic()
    since = shop.outside.clock.now() - timedelta(days=1)
    fare = wait_for_samples(shop, URL, "longterm", earlier, since)
    return fare.error, shop.outside.clock.monotonic() - start


def complaint(error: str, said: str = "Failed to send batch, retrying") -> str:
    return f'time=2026-11-23T09:29:09Z msg="{said}" remote_name=longterm url={URL} err="{error}"'


def test_it_waits_until_the_first_samples_are_taken(world: ChangeWorld) -> None:
    error, seconds = waited(world, "", ["", metrics(0), metrics(10), metrics(10, sent=5)])
    assert error == ""
    assert 0 < seconds < 10


def test_what_was_sent_before_the_change_is_no_proof(world: ChangeWorld) -> None:
    error, seconds = waited(world, metrics(10, sent=5), [metrics(10, sent=5)])
    assert "nothing was sent within 90 s" in error
    assert seconds >= SENT_WITHIN.total_seconds()


def test_failures_from_before_do_not_count_against_a_queue_that_is_well_now(world: ChangeWorld) -> None:
    error, _ = waited(
        world, metrics(10, failed=10, sent=5), [metrics(10, failed=10, sent=5), metrics(30, failed=10, sent=9)]
    )
    assert error == ""


def test_a_queue_that_began_anew_is_measured_from_nought(world: ChangeWorld) -> None:
    error, _ = waited(world, metrics(900, sent=5), [metrics(20, sent=9)])
    assert error == ""


def test_samples_that_are_refused_are_said_though_the_log_does_not_say_why(world: ChangeWorld) -> None:
    error, seconds = waited(world, "", [metrics(10, failed=10, sent=5)])
    assert error == "its receiver refuses the samples"
    # It may say so once a minute only.
    assert 60 < seconds < 80


def test_a_connection_that_is_refused_is_given_some_seconds_and_then_said(world: ChangeWorld) -> None:
    world.world.engine.last_words = ()
    error, seconds = waited(world, "", [metrics(10, retried=10)], [complaint("connection refused")])
    assert error == "connection refused"
    assert 10 < seconds < 20


def test_a_new_queue_that_is_refused_is_said_at_once_with_the_reason(world: ChangeWorld) -> None:
    error, seconds = waited(world, "", [metrics(10, failed=10, sent=5)], [complaint("401", "non-recoverable error")])
    assert (error, seconds < 5) == ("401", True)


def test_what_was_logged_before_the_change_was_in_force_is_not_said_of_it(world: ChangeWorld) -> None:
    """The person read the plan that mends a password, and Prometheus was refused once more meanwhile."""
    refused = metrics(10, failed=10, sent=5)
    log = [complaint("401", "non-recoverable error")]
    error, _ = waited(
        world, refused, [refused, refused, metrics(30, failed=10, sent=9)], log, reloaded="2026-11-23T09:29:30Z"
    )
    assert error == ""


def test_what_was_on_its_way_when_the_password_was_mended_may_still_be_refused(world: ChangeWorld) -> None:
    before = metrics(10, failed=10, sent=5)
    late = metrics(20, failed=20, sent=7)
    log = [complaint("401", "non-recoverable error")]
    error, _ = waited(world, before, [before, late, late, metrics(30, failed=20, sent=9)], log)
    assert error == ""
    # Unlike one that is refused again and again.
    again = [before, *(metrics(20 + n, failed=20 + n, sent=7 + n) for n in range(30))]
    error, seconds = waited(world, before, again, log)
    assert (error, 4 < seconds < 10) == ("401", True)


def shown(world: ChangeWorld, answers: Sequence[str], *, seconds_ago: float) -> str:
    """The state, when the log says of a moment ago that samples were refused."""
    shop = world.shop()
    now = shop.outside.clock.now()
    at = (now - timedelta(seconds=seconds_ago)).isoformat()
    world.world.engine.last_words = (f'time={at} msg="non-recoverable error" remote_name=longterm err="401"',)
    assert isinstance(world.prometheus, Counting)
    world.prometheus.answers_of_metrics = list(answers)
    (fare,) = look(shop, world.running)
    return fare.state


def test_a_queue_that_is_refused_fails_until_newer_samples_are_taken(world: ChangeWorld) -> None:
    now = world.shop().outside.clock.now().timestamp()
    stuck = metrics(10, failed=10, sent=now - 40)
    assert shown(world, [stuck], seconds_ago=30) == "fails"
    # The log is silent for a minute after such a line: only the next samples tell.
    later = metrics(10, failed=10, sent=now - 10)
    assert shown(world, [later, metrics(20, failed=20, sent=now)], seconds_ago=30) == "fails"
    assert shown(world, [later, metrics(20, failed=10, sent=now)], seconds_ago=30) != "fails"
    assert shown(world, [later], seconds_ago=120) != "fails"
