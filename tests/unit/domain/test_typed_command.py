"""Commands to paste: what was typed, with what promtool and amtool found wrong put right."""

from __future__ import annotations

import pytest

from monops.domain.editing import opened
from monops.domain.typed_command import kept, mended, with_option, without_setting

REMOTE, TELEGRAM = "monops remote-write set http://x/", "monops receivers set telegram"


@pytest.mark.parametrize(
    ("command", "said", "setting", "right"),
    [
        (f"{REMOTE} --set nosuch=1", "line 3: field nosuch not found in type config.plain", "nosuch", REMOTE),
        (
            f"{REMOTE} --set max_shards=9 --name a",
            "line 3: field max_shards not found in type config.plain",
            "max_shards",
            f"{REMOTE} --name a --set queue_config.max_shards=9",
        ),
        (
            f"{REMOTE} --set queue_config.max_shards=abc --name a",
            "unmarshal errors: line 3: cannot unmarshal !!str `abc` into int",
            "queue_config.max_shards",
            f"{REMOTE} --set queue_config.max_shards=10 --name a",
        ),
        (
            f"{REMOTE} --set send_exemplars=maybe",
            "line 3: cannot unmarshal !!str `maybe` into bool",
            "send_exemplars",
            f"{REMOTE} --set send_exemplars=true",
        ),
        (
            f"{REMOTE} --set remote_timeout=5",
            'not a valid duration string: "5"',
            "remote_timeout",
            f"{REMOTE} --set remote_timeout=30s",
        ),
        (
            TELEGRAM,
            "missing chat_id or chat_id_file on telegram_config",
            "chat_id",
            f"{TELEGRAM} --set chat_id=CHAT_ID",
        ),
        (TELEGRAM, "missing bot_token or bot_token_file", "bot_token", f"{TELEGRAM} --secret bot_token=FILE"),
        (
            "monops receivers set incidentio",
            "one of url or url_file must be configured",
            "url",
            "monops receivers set incidentio --secret url=FILE",
        ),
        (
            "monops receivers set pagerduty",
            "missing service or routing key in PagerDuty config",
            "routing_key",
            "monops receivers set pagerduty --secret routing_key=FILE",
        ),
        (
            "monops receivers set email",
            "missing to address in email config",
            "to",
            "monops receivers set email --to admin@example.com",
        ),
        (
            f"{REMOTE} --set authorization.type=x",
            "at most one of basic_auth, authorization, oauth2, sigv4, azuread & google_iam must be configured",
            "",
            "monops remote-write set --help",
        ),
        (REMOTE, "missing bearer_token", "bearer_token", f"{REMOTE} --bearer-token-file FILE"),
        (REMOTE, "one of api_key or api_key_file", "api_key", f"{REMOTE} --set api_key_file=/run/secrets/FILE"),
        (REMOTE, "missing url", "url", "monops remote-write set --help"),
        ("monops undo 3", "missing bot_token or bot_token_file", "", "monops undo 3 --help"),
        ("monops retention set --time 3d", "field what not found in type x", "what", "monops retention set --help"),
        (
            "monops --project p receivers set telegram",
            "missing bot_token",
            "bot_token",
            "monops --project p receivers set telegram --secret bot_token=FILE",
        ),
        (f"{TELEGRAM} --set a=1", "unknown parse_mode on telegram_config", "", "monops receivers set --help"),
        (f"{TELEGRAM} --name a", "line 7: field what not found in type x", "what", "monops receivers set --help"),
    ],
)
def test_what_a_tool_refuses_leads_to_the_command_that_would_be_right(
    command: str, said: str, setting: str, right: str
) -> None:
    found = mended(command, said)
    assert (found.setting, found.command) == (setting, right)


def test_words_stay_quoted() -> None:
    command = "monops receivers set slack --channel '#ops' --set 'title=It burns'"
    assert with_option(command, "--channel", "#b") == command.replace("#ops", "#b")
    assert without_setting(command, "title") == "monops receivers set slack --channel '#ops'"
    assert without_setting(command, "text") == command


def test_what_is_kept_of_a_command_has_no_password_and_is_a_command_still() -> None:
    command = "monops receivers set webhook --set http_config.proxy_url=http://u:hunter2@h --secret routing_key=key"
    assert kept(command) == command.replace(
        "http_config.proxy_url=http://u:hunter2@h", "'http_config.proxy_url=http://u:<removed>@h'"
    )
    assert kept("monops receivers set slack --channel '#ops'") == "monops receivers set slack --channel '#ops'"


def test_a_file_is_opened_at_its_line() -> None:
    assert opened("/a b/c.yml", 7) == "${EDITOR:-vi} +7 '/a b/c.yml'"
    assert opened("c.yml") == "${EDITOR:-vi} c.yml"
