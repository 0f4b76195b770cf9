"""Remedies of the command line: whole commands, not options."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from monops.cli.whole_command import whole
from monops.domain.errors import UsageFault
from monops.domain.receivers import (
    check_addresses,
    check_matchers,
    check_name,
    check_open_url,
    check_smarthost,
    read_settings,
)

COMMAND = "monops receivers set slack"


@pytest.mark.parametrize(
    ("act", "remedy"),
    [
        (lambda: check_matchers("critical"), f"{COMMAND} --route severity=critical"),
        (lambda: check_matchers(""), f"{COMMAND} --route severity=critical"),
        (lambda: check_addresses("nobody"), f"{COMMAND} --to admin@example.com"),
        (lambda: check_smarthost("x"), f"{COMMAND} --smarthost smtp.example.com:587"),
        (lambda: check_name("!"), f"{COMMAND} --name on-call"),
        (lambda: check_open_url("http://u:hunter2@a/"), f"{COMMAND} --url-file FILE"),
        (lambda: read_settings(["routing_key=hunter2"]), f"{COMMAND} --secret routing_key=FILE"),
        (lambda: read_settings(["url=https://h/hooks/abcdefgh12345678"]), f"{COMMAND} --secret url=FILE"),
        (lambda: read_settings(["url=http://u:hunter2@h/"]), f"{COMMAND} --secret url=FILE"),
        (lambda: read_settings(["nothing"]), f"{COMMAND} --set http_config.follow_redirects=false"),
    ],
)
def test_an_option_becomes_a_command_to_paste(act: Callable[[], object], remedy: str) -> None:
    with pytest.raises(UsageFault) as caught, whole(COMMAND):
        act()
    assert caught.value.remedy == remedy
    assert "hunter2" not in caught.value.message


def test_a_whole_command_stays_as_it_is() -> None:
    with pytest.raises(UsageFault) as caught, whole(COMMAND):
        raise UsageFault("x", remedy="monops doctor")
    assert caught.value.remedy == "monops doctor"
