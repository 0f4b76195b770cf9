"""Diffs as people and programs see them: whatever way a secret is written, it is not there."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monops.domain.shown_diff import shown_diff, shown_lines

SECRET = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        "routing_key: hunter2\n",
        "service_key: 'hunter2'\n",
        "user_key: hunter2 # ours\n",
        "password: /hunter2\n",
        "- {basic_auth: {username: u, password: hunter2}}\n",
        "opsgenie_configs: [{api_key: hunter2}]\n",
        'x: {"password": "hunter2", user: u}\n',
        "password: >-\n  hunter2\n  and hunter2\nuser: u\n",
        "key: |\n  hunter2\n\n  hunter2",
        "password: one\n  hunter2\n  hunter2\n",
        'x: {password: "one\n  hunter2", token: hunter2}\n',
        "keys:\n  - hunter2\n  - hunter2\n",
        "x-password: &anchor hunter2\nbasic_auth: {password: *anchor}\n",
        "y: &anchor hunter2\nbasic_auth: {password: *anchor}\n",
        "receivers:\n  - name: a\n    webhook_configs:\n      - url: https://chat.example.com/hooks/hunter2\n",
        "receivers: [{name: a, mattermost_configs: [{webhook_url: 'https://m.example.com/hooks/hunter2'}]}]\n",
        "receivers: [{name: a, slack_configs: [{api_url: 'https://m.example.com/hooks/hunter2'}]}]\n",
        "# url: https://chat.example.com/hooks/hunter2\n",
        "#  - password: hunter2\n",
        "# {basic_auth: {password: hunter2}}\n",
        "PAGERDUTY_KEY=hunter2\nENCRYPTION_KEY=a hunter2\n",
        "export ENCRYPTION_KEY=#hunter2\n",
        "environment:\n  - PAGERDUTY_KEY=hunter2\n",
        "environment: [A=b, PAGERDUTY_KEY=hunter2]\n",
        "environment: {PAGERDUTY_KEY: hunter2}\n",
        "proxy_url: http://u:hunter2@h:1/\n",
        "command: [--requirepass, x]\nnotes: redis-server --requirepass hunter2\n",
        "café: ü\nschlüssel: {ü: ä, password: hunter2}\n",
        "broken: [\npassword: hunter2\n- token: hunter2\n{a: b, api_key: hunter2}\n",
    ],
)
def test_no_secret_is_shown_however_it_is_written(text: str) -> None:
    assert SECRET not in "\n".join(shown_lines(text))
    # Neither in what changes nor in the lines around it.
    assert SECRET not in "\n".join(shown_diff("f", "", text))
    assert SECRET not in "\n".join(shown_diff("f", text, f"{text}\n# more\n"))
    assert len(shown_lines(text)) == len(text.splitlines())


def test_what_stands_beside_a_secret_stays_to_be_seen() -> None:
    text = """\
receivers:
  - name: a
    webhook_configs:
      - url: https://chat.example.com/hooks/hunter2
        http_config: {basic_auth: {username: u, password_file: /run/secrets/p}}
    opsgenie_configs: [{api_key: hunter2, message: m}]
    description: >-
      two
      lines
remote_write:
  - url: http://victoria:8428/api/v1/write
"""
    assert shown_lines(text) == tuple(
        text.replace("hooks/hunter2", "<removed>").replace("hunter2", "<removed>").splitlines()
    )


def test_a_block_of_text_that_is_secret_ends_where_it_ends() -> None:
    text = "tls:\n  key: |\n    hunter2\n\n  # a comment\n  other: x\nuser: u\n"
    assert shown_lines(text) == (
        "tls:",
        "  key: <removed>",
        "    <removed>",
        "",
        "  # a comment",
        "  other: x",
        "user: u",
    )


lines = st.lists(st.sampled_from(["a: 1", "b: 2", "c: 3", "d: 4", "", "  e: 5", "-- f"]), max_size=12).map(
    lambda found: "".join(f"{line}\n" for line in found)
)


@given(lines, lines)
def test_without_secrets_it_is_the_unified_diff_that_everybody_knows(before: str, after: str) -> None:
    known = difflib.unified_diff(before.splitlines(), after.splitlines(), "f", "f", lineterm="")
    assert shown_diff("f", before, after) == list(known)
