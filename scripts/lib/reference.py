"""Writes docs/reference from the code: commands, exit codes, configuration, metrics, alerts, dashboards, checks.

`--check` says whether it is up to date.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import checks_reference
import click
import stack_reference

from monops.cli.main import cli
from monops.domain.exits import MEANINGS

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
WRITTEN = "<!-- Written by scripts/lib/reference.py from the code: change it there. -->\n"


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check exit 1 if one differs."""
    pages = {
        "commands.md": commands(),
        "exit-codes.md": exit_codes(),
        "configuration.md": configuration(),
        **stack_reference.pages(WRITTEN),
        **checks_reference.pages(WRITTEN),
    }
    stale = []
    for name, text in pages.items():
        path = REFERENCE / name
        if "--check" in arguments:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            REFERENCE.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in stale:
        sys.stdout.write(f"docs/reference/{name} is not what the code says; run: scripts/reference\n")
    return 1 if stale else 0


def commands() -> str:
    """Every command's help, as a person sees it."""
    parts = [WRITTEN, "# Commands\n", "The options of `monops` itself may stand anywhere on the command line.\n"]
    context = click.Context(cli, info_name="monops", terminal_width=100, max_content_width=100)
    parts.append(_help("monops", cli, context))
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        parts += _with_children(f"monops {name}", command, context, name)
    return "\n".join(parts)


def _with_children(title: str, command: click.Command, parent: click.Context, name: str) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100)
    parts = [_help(title, command, context)]
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            parts += _with_children(f"{title} {child}", found, context, child)
    return parts


def _help(title: str, command: click.Command, context: click.Context) -> str:
    return f"## {title}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"


def exit_codes() -> str:
    """The table of exit codes."""
    rows = [f"| {int(code)} | {meaning} |" for code, meaning in MEANINGS.items()]
    return (
        "\n".join(
            [WRITTEN, "# Exit codes\n", "The same for every command.\n", "| code | meaning |", "| --- | --- |", *rows]
        )
        + "\n"
    )


def configuration() -> str:
    """Every section and key of monops.toml, from the comments in domain/config.py."""
    source = (ROOT / "src/monops/domain/config.py").read_text(encoding="utf-8")
    lines = source.splitlines()
    parts = [
        WRITTEN,
        "# monops.toml\n",
        "None is needed. It is looked for in this order: `--config`, `MONOPS_CONFIG`, upward from the current folder",
        "(in each one, then in its `monitoring/`, where `monops init` puts it), `~/.config/monops/`, `/etc/monops/`.",
        "Relative paths in it start from its own folder. `monops config check` says what is wrong in it, with the",
        "line; `monops config schema` prints its JSON Schema.\n",
    ]
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name.endswith("Section"):
            parts += _section(node, lines)
    parts += ["", "## Environment\n", *_environment()]
    return "\n".join(parts) + "\n"


def _section(node: ast.ClassDef, lines: list[str]) -> list[str]:
    names, _, about = (ast.get_docstring(node) or "").partition(": ")
    parts = [
        f"## {names}\n",
        about[:1].upper() + about[1:],
        "",
        "| key | type | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for item in node.body:
        if not isinstance(item, ast.AnnAssign):
            continue
        comment = lines[item.lineno - 2].strip()
        meaning = comment.removeprefix("#:").strip() if comment.startswith("#:") else ""
        default = "required" if item.value is None else f"`{ast.unparse(item.value)}`"
        kind = ast.unparse(item.annotation)
        parts.append(f"| `{ast.unparse(item.target)}` | {_kind(kind)} | {_default(default)} | {meaning} |")
    return [*parts, ""]


def _kind(annotation: str) -> str:
    """A Python annotation in words."""
    if "Literal[" in annotation:
        inner = annotation[annotation.index("Literal[") + 8 :].split("]", 1)[0].replace("'", '"').replace(", ", " or ")
        return f"list of {inner}" if annotation.startswith("tuple") else inner
    if annotation.startswith("tuple"):
        return "list of strings"
    return "true or false" if "bool" in annotation else "string"


def _default(text: str) -> str:
    return {"`None`": "", "`()`": "none", "required": "required"}.get(text, text.replace("'", '"'))


def _environment() -> list[str]:
    rows = {
        "MONOPS_CONFIG": "monops.toml to use",
        "MONOPS_PROJECT": "Compose project, as `--project`",
        "MONOPS_S3_URL": "where `--to s3` goes, unless the configuration has a destination of that name",
        "MONOPS_S3_ENDPOINT, MONOPS_S3_REGION": "the S3 server, where it is not AWS; boto3's own `AWS_…` work too",
        "MONOPS_S3_ACCESS_KEY_ID, MONOPS_S3_SECRET_ACCESS_KEY": "keys, or with `_FILE` behind the name the files that "
        "hold them; else boto3's own chain",
        "MONOPS_AGE_IDENTITY_FILE": "the age identity that opens encrypted objects",
        "MONOPS_GRAFANA_TOKEN": "a token of an administrator's rights, with which `monops doctor` looks into Grafana",
        "MONOPS_GRAFANA_PASSWORD_FILE, MONOPS_GRAFANA_PASSWORD": "the administrator's password, where there is no "
        "token; else that of the container or of the stack's folder, whose file only root can read after `stack up`",
        "MONOPS_STATE_DIR": "where monops remembers what it stopped; else /var/lib/monops for root, or "
        "~/.local/state/monops",
        "MONOPS_REACH": "`mountpoint` or `archive`: insist on that way to reach volumes; default `auto`",
        "PROMETHEUS_IMAGE, GRAFANA_PORT, …": "what `.env` beside the Compose file says, for `monops stack`",
        "MONOPS_HOST": "the host's name in snapshots, for monops in a container",
        "DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH": "the engine, as for docker itself",
        "NO_COLOR": "no colours",
    }
    return ["| variable | meaning |", "| --- | --- |", *(f"| `{name}` | {meaning} |" for name, meaning in rows.items())]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
