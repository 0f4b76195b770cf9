"""`monops doctor` on made-up diagnoses: what a person reads, what a program reads, and the exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from monops.checks._healthy import HEALTHY
from monops.cli.commands import doctor
from monops.cli.main import run
from monops.cli.wiring import Wiring
from monops.domain.check import Check, Sick
from monops.domain.diagnosis import Diagnosis, Outcome
from monops.domain.facts import Facts, Unknown
from monops.domain.finding import Finding, Fix, Risk, Severity

pytestmark = pytest.mark.usefixtures("alone")


def check(name: str, well: str = "it is well") -> Check:
    sick = Sick(what="never", facts=lambda facts: facts, severity=Severity.ERROR, says="")
    return Check(id=name, well=well, reads=(), judge=lambda _: iter(()), sick=(sick,))


RUNNING, READY, DISK = check("stack.running", "every service runs"), check("prometheus.ready"), check("engine.disk")
DOWN = Finding(
    severity=Severity.ERROR,
    subject="container ai-grafana",
    cause="it ended with 137",
    evidence=("docker inspect: OOMKilled is true",),
    fix=Fix(say="Start it.", command="monops stack up grafana", risk=Risk.SAFE),
)
FULL = Finding(severity=Severity.WARNING, subject="disk of /var/lib/docker", cause="4 % are free")
NOTE = replace(FULL, severity=Severity.INFO, cause="it is slow")
WELL = Outcome(check=RUNNING)
UNKNOWN = Outcome(check=READY, unknown=Unknown("Prometheus does not answer", "docker logs ai-prometheus"))
CRASHED = Outcome(check=READY, crash="KeyError: 'x'")
SKIPPED = Outcome(check=READY, skipped="the stack has no prometheus")


@pytest.fixture
def diagnosed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command line on outcomes; exit status, stdout, stderr."""
    monkeypatch.setattr(Wiring, "inspectors", lambda *_: (None, "monitoring"))

    def examined(*outcomes: Outcome, words: tuple[str, ...] = (), facts: Facts = HEALTHY) -> tuple[int, str, str]:
        found = Diagnosis(facts=facts, outcomes=outcomes)
        monkeypatch.setattr(doctor, "chosen_checks", lambda only, skip: tuple(one.check for one in outcomes))
        monkeypatch.setattr(doctor, "examine", lambda *_, **__: found)
        code = run(["doctor", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return examined


Diagnosed = Callable[..., tuple[int, str, str]]


# --- for a person --------------------------------------------------------------------------------


def test_a_healthy_stack_is_one_line(diagnosed: Diagnosed) -> None:
    code, out, _ = diagnosed(WELL, Outcome(check=DISK))
    assert (code, out) == (0, "2 checks of monitoring: nothing found\n")


def test_with_v_what_is_well_is_shown_too(diagnosed: Diagnosed) -> None:
    code, out, _ = diagnosed(WELL, SKIPPED, words=("-v",))
    assert code == 0
    assert "  ✓ every service runs (stack.running)" in out
    assert "  - prometheus.ready: skipped, the stack has no prometheus" in out


def test_a_finding_has_its_cause_its_evidence_and_its_fix(diagnosed: Diagnosed) -> None:
    _, out, _ = diagnosed(Outcome(check=RUNNING, findings=(DOWN,)))
    assert out.splitlines()[:5] == [
        "stack",
        "  ✗ container ai-grafana: it ended with 137 (stack.running)",
        "      docker inspect: OOMKilled is true",
        "      fix: Start it.",
        "        monops stack up grafana",
    ]


def test_marks_tell_how_bad_it_is(diagnosed: Diagnosed) -> None:
    _, out, _ = diagnosed(Outcome(check=DISK, findings=(FULL, NOTE, DOWN)), UNKNOWN)
    marks = [line.strip()[0] for line in out.splitlines() if line.startswith("  ") and line[2] != " "]
    assert marks == ["!", "•", "✗", "?"]
    assert out.splitlines()[-1].endswith(": 1 error, 1 warning, 1 info, 1 check could not be answered"), out


def test_groups_come_in_their_own_order(diagnosed: Diagnosed) -> None:
    _, out, _ = diagnosed(UNKNOWN, Outcome(check=RUNNING, findings=(DOWN,)), Outcome(check=DISK, findings=(FULL,)))
    heads = [line for line in out.splitlines() if line in ("engine", "stack", "prometheus")]
    assert heads == ["engine", "stack", "prometheus"]


def test_what_is_unknown_says_why_and_with_v_what_to_do(diagnosed: Diagnosed) -> None:
    _, out, _ = diagnosed(UNKNOWN)
    assert "  ? prometheus.ready: unknown, Prometheus does not answer\n" in out
    assert "try:" not in out
    _, out, _ = diagnosed(UNKNOWN, words=("-v",))
    assert "      try: docker logs ai-prometheus\n" in out


def test_a_check_that_crashed_is_called_a_bug(diagnosed: Diagnosed) -> None:
    _, out, _ = diagnosed(CRASHED)
    assert "prometheus.ready: this check crashed, which is a bug of monops: KeyError: 'x'" in out


def test_nothing_but_the_result_is_on_stdout_and_no_colour_where_nobody_looks(diagnosed: Diagnosed) -> None:
    _, out, err = diagnosed(Outcome(check=RUNNING, findings=(DOWN,)))
    assert "\x1b" not in out
    assert err == ""


# --- the exit status -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "words", "code"),
    [
        ((WELL,), (), 0),
        ((WELL, SKIPPED), (), 0),
        ((Outcome(check=RUNNING, findings=(FULL,)),), (), 0),
        ((Outcome(check=RUNNING, findings=(FULL,)),), ("--fail-on", "warning"), 4),
        ((Outcome(check=RUNNING, findings=(NOTE,)),), ("--fail-on", "warning"), 0),
        ((Outcome(check=RUNNING, findings=(NOTE,)),), ("--fail-on", "info"), 4),
        ((Outcome(check=RUNNING, findings=(DOWN,)),), (), 4),
        ((Outcome(check=RUNNING, findings=(DOWN,)), UNKNOWN), (), 4),
        ((WELL, UNKNOWN), (), 3),
        ((WELL, CRASHED), (), 3),
        ((UNKNOWN,), (), 1),
        ((UNKNOWN, CRASHED, SKIPPED), (), 1),
    ],
)
def test_exit_status(diagnosed: Diagnosed, outcomes: tuple[Outcome, ...], words: tuple[str, ...], code: int) -> None:
    assert diagnosed(*outcomes, words=words)[0] == code
    as_json, out, _ = diagnosed(*outcomes, words=(*words, "--output", "json"))
    assert as_json == code
    assert json.loads(out)["ok"] is (code == 0)


# --- for a program -------------------------------------------------------------------------------


def test_one_json_document(diagnosed: Diagnosed) -> None:
    _, out, err = diagnosed(
        WELL, Outcome(check=DISK, findings=(DOWN, FULL)), UNKNOWN, SKIPPED, words=("--output", "json")
    )
    document = json.loads(out)
    assert (document["schema"], document["command"], document["ok"], err) == (1, "doctor", False, "")
    result = document["result"]
    assert result["findings"][0] == {
        "check": "engine.disk",
        "group": "engine",
        "severity": "error",
        "subject": "container ai-grafana",
        "cause": "it ended with 137",
        "evidence": ["docker inspect: OOMKilled is true"],
        "fix": {"say": "Start it.", "command": "monops stack up grafana", "risk": "safe"},
    }
    assert result["findings"][1]["fix"] is None
    assert result["unknown"] == [
        {
            "check": "prometheus.ready",
            "reason": "Prometheus does not answer",
            "crashed": False,
            "remedy": "docker logs ai-prometheus",
        }
    ]
    assert result["skipped"] == [{"check": "prometheus.ready", "reason": "the stack has no prometheus"}]
    assert result["checks_run"] == 3


def test_a_crash_is_told_apart_in_json(diagnosed: Diagnosed) -> None:
    _, out, _ = diagnosed(CRASHED, words=("--output", "json"))
    (unknown,) = json.loads(out)["result"]["unknown"]
    assert (unknown["crashed"], unknown["reason"]) == (True, "KeyError: 'x'")


# --- choosing ------------------------------------------------------------------------------------


def test_list_shows_every_check_and_asks_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--list"]) == 0
    out = capsys.readouterr().out
    assert "stack.running" in out
    assert "every service runs" in out
    assert run(["doctor", "--list", "--only", "stack.running", "--output", "json"]) == 0
    checks = json.loads(capsys.readouterr().out)["result"]["checks"]
    assert checks == [{"id": "stack.running", "well": "every service runs"}]


@pytest.mark.parametrize("flag", ["--only", "--skip"])
def test_a_check_that_is_none_names_the_nearest(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", flag, "stack.runing"]) == 2
    said = capsys.readouterr().err
    assert "there is no check 'stack.runing'. Did you mean 'stack.running'?" in said
    assert "monops doctor --list" in said


def test_a_time_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--timeout", "soon"]) == 2
    assert "--timeout" in capsys.readouterr().err


def test_without_an_engine_what_needs_it_is_unknown_never_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--only", "stack.running", "--output", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert "no Docker engine answers" in document["result"]["unknown"][0]["reason"]
