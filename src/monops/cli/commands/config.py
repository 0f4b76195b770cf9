"""Check, show or describe the configuration."""

from __future__ import annotations

import json

import click
import msgspec

from monops.cli.settings import Settings
from monops.cli.show import show_json, show_lines
from monops.cli.wiring import Wiring
from monops.domain.config import schema
from monops.domain.exits import Exit


@click.group("config")
def COMMAND() -> None:  # noqa: N802 - the name by which commands are found
    """Check, show or describe monops.toml."""


@COMMAND.command("check")
@click.pass_obj
def check(settings: Settings) -> int:
    """Say whether the configuration is right; every fault with its line (exit 12)."""
    wiring = Wiring(settings)
    for name in wiring.config.destinations:
        wiring.store(name)
    wiring.packing(None, ())
    place = wiring.config_path or "no monops.toml: the defaults"
    if settings.as_json:
        show_json("config check", ok=True, result={"file": wiring.config_path})
    else:
        show_lines([f"{place}: right"])
    return Exit.DONE


@COMMAND.command("show")
@click.pass_obj
def show(settings: Settings) -> int:
    """Print the configuration in force, defaults included. It holds no secrets, only the names of their files."""
    wiring = Wiring(settings)
    found = msgspec.to_builtins(wiring.config)
    if settings.as_json:
        show_json("config show", ok=True, result={"file": wiring.config_path, "config": found})
    else:
        show_lines([f"# {wiring.config_path or 'no monops.toml: the defaults'}", json.dumps(found, indent=2)])
    return Exit.DONE


@COMMAND.command("schema")
@click.pass_obj
def print_schema(settings: Settings) -> int:
    """Print the JSON Schema of monops.toml."""
    if settings.as_json:
        show_json("config schema", ok=True, result=schema())
    else:
        show_lines([json.dumps(schema(), indent=2)])
    return Exit.DONE
