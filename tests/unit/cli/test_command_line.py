"""The command line: options anywhere, one exit code for each kind of error, one document in JSON mode."""

from __future__ import annotations

import gc
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.store_builder import StoreBuilder, damage, write_block

from monops.cli import bug_report
from monops.cli.main import run, shared_first
from monops.domain.exits import MEANINGS, Exit

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with one snapshot of a block."""
    write_block(tmp_path / "data", 1)
    builder = StoreBuilder(tmp_path / "store")
    builder.add("prometheus", tmp_path / "data")
    builder.finish()
    return tmp_path / "store"


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    """Plain directories as sources, so that no engine is needed."""
    write_block(tmp_path / "prometheus", 1)
    (tmp_path / "empty").mkdir()
    sources = '[sources.prometheus]\npath = "prometheus"\n[sources.grafana]\npath = "empty"\n'
    text = f'{sources}[backup]\nto = ["{tmp_path}/to"]\n'
    (tmp_path / "monops.toml").write_text(text)
    return tmp_path


# --- options anywhere ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sorted_"),
    [
        (["verify", "--output", "json"], ["--output", "json", "verify"]),
        (["verify", "--output=json", "-q", "x"], ["--output=json", "-q", "verify", "x"]),
        (["backup", "--config", "f", "--to", "d", "-vv"], ["--config", "f", "-vv", "backup", "--to", "d"]),
        (["x", "--", "--output", "json"], ["x", "--", "--output", "json"]),
        (["x", "--project"], ["--project"]),
        (["x", "--configure", "--projects=1"], ["x", "--configure", "--projects=1"]),
        ([], []),
    ],
)  # fmt: skip
def test_shared_options_come_first(given: list[str], sorted_: list[str]) -> None:
    assert shared_first(given) == sorted_


@given(st.lists(st.sampled_from(["-q", "-v", "--no-color", "--output=json", "backup", "--to", "d", "x"])))
def test_no_word_is_lost_and_sorting_again_changes_nothing(words: list[str]) -> None:
    assert sorted(shared_first(words)) == sorted(words)
    assert shared_first(shared_first(words)) == shared_first(words)


def test_json_may_be_asked_for_behind_the_command(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["snapshots", "--from", str(store), "--output", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["command"], document["ok"]) == (1, "snapshots", True)
    assert len(document["result"]["snapshots"]) == 1


def test_an_option_without_its_value_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backup", "--project"]) == Exit.USAGE
    assert "requires an argument" in capsys.readouterr().err


# --- exit codes ----------------------------------------------------------------------------------


def break_marker(store: Path, content: str) -> None:
    (store / "monops.json").write_text(content)


def flip(store: Path) -> None:
    damage(next((store / "objects/prometheus").glob("01*")))


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (lambda store: None, Exit.DONE, ""),
        (flip, Exit.FINDINGS, ""),
        (lambda store: next((store / "objects/prometheus").glob("01*")).unlink(), Exit.FINDINGS, ""),
        (lambda store: break_marker(store, "{"), Exit.FAILED, "monops.json in"),
        (lambda store: break_marker(store, '{"format": 9, "id": "x"}'), Exit.FAILED, "has store format 9"),
        (lambda store: (store / "monops.json").unlink(), Exit.MISSING, "is not a monops store"),
        (lambda store: next((store / "snapshots").iterdir()).unlink(), Exit.MISSING, "holds no snapshot"),
    ],
)
def test_verify_says_by_its_exit_code_what_it_found(
    store: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Path], None], code: Exit, message: str
) -> None:
    change(store)
    assert run(["verify", "--from", str(store)]) == code
    out, err = capsys.readouterr()
    assert message in err
    assert ("sound:" in out) is (code is Exit.DONE)
    if message:
        assert err.startswith("error: ")
        assert "\n  try: " in err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["verify", "--from", "/nowhere/at/all"], Exit.MISSING, "there is nothing at /nowhere/at/all"),
        (["verify", "x", "--from", "{store}"], Exit.MISSING, "there is no snapshot 'x'"),
        (["snapshots", "--from", "nearby"], Exit.USAGE, "there is no destination 'nearby'"),
        (["snapshots", "--from", "sftp://host/x"], Exit.USAGE, "monops cannot back up to sftp://"),
        (["snapshots"], Exit.USAGE, "no destination is named"),
        (["backup", "--to", "s3"], Exit.USAGE, "the destination s3 is not configured"),
        (["backup", "grafna", "--to", "{store}"], Exit.USAGE, "there is no source 'grafna'. Did you mean 'grafana'?"),
        (["backup", "--to", "{store}", "--compression", "zip"], Exit.USAGE, "'zip'"),
        (["backup", "--to", "{store}", "--compression", "zstd:99"], Exit.USAGE, "'zstd:99'"),
        (["backup", "--to", "{store}", "--encrypt-to", "bob"], Exit.CONFIGURATION, "'bob…' is not an age recipient"),
        (["--config", "/nowhere.toml", "config", "check"], Exit.CONFIGURATION, "/nowhere.toml cannot be read"),
        (["bakup"], Exit.USAGE, "There is no command 'bakup'. Did you mean 'backup'?"),
        (["xyzzy"], Exit.USAGE, "There is no command 'xyzzy'."),
        (["verify", "--level", "deeper"], Exit.USAGE, "'deeper' is not one of"),
        (["verify", "--what"], Exit.USAGE, "--what"),
    ],
)
def test_every_error_is_a_sentence_a_remedy_and_an_exit_code(
    store: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: Exit, message: str
) -> None:
    words = [word.format(store=store) for word in words]
    assert run(words) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "\n  try: " in err
    assert run([*words, "--output=json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["command"], document["ok"]) == (1, "error", False)
    assert message in document["result"]["error"]
    assert document["result"]["remedy"]
    assert document["result"]["exit"] == code


# docker-py forgets the socket that it could not connect.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_engine_that_does_not_answer_is_told_with_its_address(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backup", "--to", str(store), "--output", "json"]) == Exit.FAILED
    document = json.loads(capsys.readouterr().out)
    assert "no Docker engine answers at unix:///" in document["result"]["error"]
    assert "docker info" in document["result"]["remedy"]
    gc.collect()


def test_an_unknown_form_of_output_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "--output", "xml"]) == Exit.USAGE
    assert "'xml' is not one of" in capsys.readouterr().err


def test_a_wrong_configuration_is_told_with_file_and_line(configured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (configured / "monops.toml").write_text("[stack]\nprojct = 'x'\n")
    assert run(["config", "check"]) == Exit.CONFIGURATION
    assert "monops.toml:2: unknown key 'projct' in [stack]; did you mean 'project'?" in capsys.readouterr().err


def test_plain_directories_are_backed_up_without_an_engine(
    configured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backup", "prometheus"]) == Exit.DONE
    assert f"{configured}/to: snapshot " in capsys.readouterr().out
    assert run(["verify"]) == Exit.DONE


def test_a_part_that_fails_is_told_by_the_exit_code(configured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backup", "prometheus", "grafana", "--output", "json"]) == Exit.PARTLY
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["ok"] is False
    (made,) = document["result"]["runs"]
    assert set(made) == {"destination", "snapshot", "sources", "seconds", "ok", "error"}
    assert [s["error"] is None for s in made["sources"]] == [True, False]
    assert "holds no grafana.db" in err


def test_a_destination_in_use_is_told_by_the_exit_code(configured: Path) -> None:
    assert run(["backup", "prometheus"]) == Exit.DONE
    lock = {"owner": {"host": "another", "pid": 7}, "expires": "2999-01-01T00:00:00+00:00"}
    (configured / "to/locks").mkdir(exist_ok=True)
    (configured / "to/locks/x.json").write_text(json.dumps(lock))
    assert run(["backup", "prometheus"]) == Exit.LOCKED
    assert run(["backup", "prometheus", "--break-lock"]) == Exit.DONE


def test_a_relative_destination_of_the_configuration_is_meant_from_where_it_is(
    configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (configured / "monops.toml").read_text().replace(f"{configured}/to", "./beside")
    (configured / "monops.toml").write_text(text)
    (configured / "below").mkdir()
    monkeypatch.chdir(configured / "below")
    assert run(["backup", "prometheus"]) == Exit.DONE
    assert (configured / "beside/monops.json").exists()


def test_a_home_that_may_not_be_entered_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / ("x" * 300)))  # as an error of the file system, for root too
    assert run(["config", "check"]) == Exit.DONE


def test_every_exit_code_has_a_meaning_and_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(MEANINGS) == set(Exit)
    assert run(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for code, meaning in MEANINGS.items():
        assert f"{int(code)} {meaning}" in text


# --- bugs ----------------------------------------------------------------------------------------


def test_a_bug_is_reported_with_a_file_and_exit_code_70(configured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # No shell can pass such a name, and nothing in monops expects it.
    assert run(["backup", "prometheus", "--to", "/\0"]) == Exit.BUG
    err = capsys.readouterr().err
    assert err.startswith("error: monops has a bug: ValueError: ")
    (report,) = configured.glob("monops-bug-*.txt")
    assert f"please report it with the file {report}" in err
    text = report.read_text()
    assert "arguments: backup prometheus --to" in text
    assert "Traceback" in text
    assert report.stat().st_mode & 0o777 == 0o600


def test_a_bug_report_holds_no_secret(tmp_path: Path) -> None:
    arguments = ["x", "--password", "hunter2", "--token=hunter2", "redis://u:hunter2@h"]
    try:
        raise ValueError("cannot reach http://user:hunter2@host with TOKEN=hunter2")
    except ValueError as error:
        place = bug_report.save(error, arguments)
    assert place is not None
    text = Path(place).read_text()
    assert "ValueError" in text
    assert "hunter2" not in text.replace('raise ValueError("cannot reach', "")


def test_without_room_for_a_report_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert bug_report.save(ValueError(), []) is None
