"""`monops init` as a person meets it: what it says, what it asks, and how it ends."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click
import pytest
from tests.fakes.command_line import CommandLine

from monops.cli.commands.init import COMMAND as INIT
from monops.cli.commands.stack import COMMAND as STACK
from monops.domain.generated import digest

PASSWORD = "secrets/grafana/admin-password"


@pytest.fixture(autouse=True)
def no_engine(monops: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """None answers. At a port, not at a socket: docker-py leaves sockets open that nobody listens on."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")


@pytest.fixture
def folder(monops: CommandLine) -> Path:
    return monops.folder / "monitoring"


@pytest.fixture
def written(monops: CommandLine, folder: Path) -> Path:
    """The files, as with the defaults."""
    assert monops("init").code == 0
    return folder


def again(monops: CommandLine, err: str) -> str:
    """The remedy's command, run as it stands."""
    remedy = next(line for line in err.splitlines() if line.startswith("  try: ")).removeprefix("  try: ")
    words = shlex.split(remedy)
    assert words[0] == "monops"
    shown = monops(*words[1:])
    assert shown.code == 0, shown
    return remedy


def test_the_first_run_says_where_the_password_is_and_what_to_do_next(monops: CommandLine, folder: Path) -> None:
    shown = monops("init")
    lines = shown.out.splitlines()
    assert (shown.code, shown.err) == (0, "")
    assert lines[0].startswith("monitoring: ")
    assert lines[0].endswith(" files written, 0 left as they are")
    assert lines[1].startswith("Grafana's password (user admin)")
    assert lines[-1] == "next: monops stack up"
    assert any("nobody hears of alerts yet" in line for line in lines)
    assert any("the main system is not watched yet" in line for line in lines)
    assert (folder / PASSWORD).read_text() not in shown.out


def test_in_the_folder_itself_it_finds_it(monops: CommandLine, written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(written)
    assert monops("init", "--check").code == 0
    assert monops("init").out.splitlines()[0].startswith("here: 0 files written, ")


def test_check_ends_with_4_where_files_differ_and_says_how(monops: CommandLine, folder: Path) -> None:
    shown = monops("init", "--check")
    assert (shown.code, shown.out) == (4, "monitoring holds no stack that monops init wrote\n")
    monops("init")
    assert (monops("init", "--check").code, monops("init", "--check").out) == (
        0,
        "every file is as this version writes it\n",
    )
    (folder / "prometheus.yml").write_text("global: {}\n")
    shown = monops("init", "--check")
    assert shown.code == 4
    assert shown.out.startswith("prometheus.yml: keep your edit\n  --- prometheus.yml (now)\n")
    found = json.loads(monops("--output", "json", "init", "--check").out)
    assert (found["ok"], found["result"]["matches"]) == (False, False)
    (file,) = [one for one in found["result"]["files"] if one["action"] != "same"]
    assert (file["path"], file["action"]) == ("prometheus.yml", "edited")
    assert "-global: {}" in file["diff"]


def test_a_dry_run_shows_everything_and_changes_nothing(monops: CommandLine, folder: Path) -> None:
    shown = monops("init", "--dry-run")
    assert shown.code == 0
    assert "prometheus.yml: new" in shown.out.splitlines()
    assert not folder.exists()
    monops("init")
    before = (folder / ".env").read_text()
    shown = monops("init", "--dry-run", "--port", "grafana=3002")
    assert "  +GRAFANA_PORT=3002" in shown.out.splitlines()
    assert (folder / ".env").read_text() == before


def test_nothing_that_is_there_is_changed_unasked_and_the_remedy_has_every_choice(
    monops: CommandLine, written: Path
) -> None:
    before = (written / ".env").read_text()
    shown = monops("init", ".", "--port", "grafana=3002", "--port", "prometheus=9099", "--no-sample-app")
    assert shown.code == 2
    assert "  +GRAFANA_PORT=3002" in shown.err
    assert (written / ".env").read_text() == before
    remedy = again(monops, shown.err)
    assert remedy == "monops init . --port grafana=3002 --port prometheus=9099 --no-sample-app --yes"
    assert "GRAFANA_PORT=3002" in (written / ".env").read_text()
    assert monops("init").code == 0


def test_a_choice_with_spaces_survives_in_the_remedy(monops: CommandLine, written: Path) -> None:
    shown = monops("init", "--email-to", "Ops <ops@example.com>")
    again(monops, shown.err)
    assert "to: Ops <ops@example.com>" in (written / "alertmanager.yml").read_text()


def test_files_that_were_there_before_monops_are_said_to_stay(monops: CommandLine, folder: Path) -> None:
    folder.mkdir()
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    shown = monops("init")
    assert shown.code == 0
    assert "prometheus.yml: keep your edit, though there is something new\n" in shown.err
    assert "monops init --replace prometheus.yml" in shown.err
    assert "new\n" not in shown.err.replace("something new\n", "")
    assert "1 left as they are" in shown.out
    assert (folder / "prometheus.yml").read_text() == "scrape_configs: []\n"


def test_generated_pages_differ_by_a_number_of_lines_only(monops: CommandLine, written: Path) -> None:
    record = written / ".monops" / "init.json"
    page = written / "runbooks" / "ServiceDown.html"
    page.write_text(page.read_text() + "<p>old</p>\n")
    content = json.loads(record.read_text())
    content["written"]["runbooks/ServiceDown.html"] = digest(page.read_text())
    record.write_text(json.dumps(content))
    assert monops("init", "--dry-run").out == "runbooks/ServiceDown.html: update\n  1 line changed\n"


def test_a_changed_data_source_needs_a_restart_of_grafana_which_is_said(monops: CommandLine, written: Path) -> None:
    shown = monops("init", "--time-scale", "0.1", "--yes")
    assert shown.out.splitlines()[-1] == "next: monops stack up; monops stack restart grafana"
    shown = monops("init", "--retention-time", "7d", "--yes")
    assert shown.out.splitlines()[-1] == "next: monops stack up"


def test_opening_the_ports_to_everybody_is_warned_of(monops: CommandLine, written: Path) -> None:
    assert "delete metrics" not in monops("init").out
    assert "whoever reaches 0.0.0.0 can read and delete metrics" in monops("init", "--bind", "0.0.0.0", "--yes").out
    assert "delete metrics" not in monops("init", "--bind", "::1", "--yes").out


def test_a_password_file_is_taken_and_never_shown(monops: CommandLine, folder: Path) -> None:
    (monops.folder / "pw").write_text("correct-horse\n")
    for words in ((), ("-v",), ("--output", "json")):
        shown = monops(*words, "init", "--grafana-password-file", "pw")
        assert shown.code == 0
        assert "correct-horse" not in shown.out + shown.err
    assert (folder / PASSWORD).read_text() == "correct-horse"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--without", "grafanna"), 2, "Did you mean 'grafana'?"),
        (("--port", "grafana=http"), 2, "a port is a number from 1 to 65535"),
        (("--bind", "localhost"), 2, "--bind 'localhost' is not an IP address"),
        (("--replace", "promethus.yml"), 2, "Did you mean 'prometheus.yml'?"),
        (("--time-scale", "fast"), 2, "'fast' is not a valid float"),
        (("--grafana-password-file", "none"), 12, "the secret file none cannot be read"),
        (("pw/x",), 1, "cannot write pw/x/monitoring/"),
    ],
)
def test_wrong_input_is_one_sentence_one_way_out_and_no_file(
    monops: CommandLine, folder: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    (monops.folder / "pw").write_text("")
    shown = monops("init", *words)
    assert shown.code == code
    assert says in shown.err
    assert shown.err.count("error: ") == shown.err.count("  try: ") == 1
    assert not folder.exists()


def test_a_record_that_was_damaged_is_a_matter_of_configuration(monops: CommandLine, written: Path) -> None:
    (written / ".monops" / "init.json").write_text("{")
    shown = monops("init")
    assert shown.code == 12
    assert "try: rm monitoring/.monops/init.json" in shown.err


@pytest.mark.parametrize("command", [INIT, STACK, *STACK.commands.values()], ids=lambda command: str(command.name))
def test_help_fits_100_columns_and_no_sentence_is_cut_off(command: click.Command) -> None:
    context = click.Context(command, info_name=command.name, terminal_width=None, max_content_width=100)
    text = command.get_help(context)
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "..." not in text.replace("[SERVICE]...", "").replace("[ARGS]...", "")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help
            assert parameter.help.split("  [")[0].endswith("."), parameter.name
