"""Runbooks as HTML that needs nothing from outside: Prometheus serves it, so it is there when nothing else is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from string import Template

from monops.stack.alerts import GROUPS
from monops.stack.alerts.model import Alert

_INDEX = "index.html"
_WHERE = "Run the commands on the machine that runs the stack, in its folder, unless the page says otherwise."
_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1c1f23; --paper: #ffffff; --faint: #5b636d; --box: #f1f3f5; --line: #d5dae0;
  --link: #0b57a4; --critical: #b3261e; --warning: #8a5a00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e6ea; --paper: #14171a; --faint: #9aa4af; --box: #20252b; --line: #39414a;
    --link: #7db7f2; --critical: #ff8a80; --warning: #f0b95a; }
}
body { margin: 0 auto; padding: 1rem 1.25rem 4rem; max-width: 50rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { margin: .5rem 0; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2rem 0 .5rem; padding-bottom: .2rem; border-bottom: 1px solid var(--line); font-size: 1.2rem; }
a { color: var(--link); }
nav, footer, dd { color: var(--faint); }
code { padding: .1em .3em; border-radius: 4px; background: var(--box); font: .92em ui-monospace, monospace; }
/* One click takes the whole command; a long one is wrapped on the screen, not in what is copied. */
pre { margin: .5rem 0 1.1rem; padding: .7rem .9rem; border: 1px solid var(--line); border-radius: 6px;
  background: var(--box); white-space: pre-wrap; overflow-wrap: anywhere; user-select: all;
  -webkit-user-select: all; }
pre code { padding: 0; background: none; font-size: .88rem; line-height: 1.45; }
li { margin: .35rem 0; }
dt { margin-top: .7rem; }
dt a { font-weight: 600; }
dd { margin: 0; }
var { font-style: italic; }
.severity { margin-left: .4rem; font-size: .85rem; }
.critical { color: var(--critical); }
.warning { color: var(--warning); }
footer { margin-top: 3rem; padding-top: .5rem; border-top: 1px solid var(--line); font-size: .9rem; }
</style>
</head>
<body>
$body
</body>
</html>
""")


def as_html(name: str, markdown: str) -> str:
    """The page of the alert `name`. Links to other pages lead to their HTML; HTML in the Markdown is shown as text."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False})
    tokens = reader.parse(markdown)
    for token in (child for block in tokens for child in block.children or ()):
        target = re.fullmatch(r"(\w+)\.md", str(token.attrs.get("href", "")))
        if token.type == "link_open" and target:
            token.attrSet("href", f"{target[1]}.html")
    text = reader.renderer.render(tokens, reader.options, {})
    return _page(
        f"{name} – runbook",
        f'<nav><a href="{_INDEX}">All runbooks</a></nav>\n<main>\n{text}</main>\n<footer>{_WHERE}</footer>',
    )


def index_html(names: Sequence[str]) -> str:
    """The list of the pages `names`, by group and with what each alert says; what no group has comes last."""
    shown = set(names)
    parts = [
        "<h1>Runbooks</h1>",
        "<p>One page an alert: what it means, what it does, how to find out why, what to do.</p>",
    ]
    for group in GROUPS:
        alerts = [alert for alert in group.alerts if alert.name in shown]
        if alerts:
            parts += [f"<h2>{escape(group.name.capitalize())}</h2>", "<dl>", *map(_alert_entry, alerts), "</dl>"]
    known = {alert.name for group in GROUPS for alert in group.alerts}
    others = sorted(shown - known)
    if others:
        parts += ["<h2>Others</h2>", "<dl>", *(f"<dt>{_link(name)}</dt>" for name in others), "</dl>"]
    return _page("Runbooks", "\n".join([*parts, f"<footer>{_WHERE}</footer>"]))


def _alert_entry(alert: Alert) -> str:
    severity = "" if alert.severity == "none" else f'<span class="severity {alert.severity}">{alert.severity}</span>'
    return f"<dt>{_link(alert.name)}{severity}</dt>\n<dd>{''.join(_summary(alert.summary))}</dd>"


def _link(name: str) -> str:
    return f'<a href="{escape(name)}.html">{escape(name)}</a>'


def _summary(text: str) -> Iterator[str]:
    """A summary with the name of a label in the place of its value: no alert fires here that would have one."""
    for number, part in enumerate(re.split(r"\{\{\s*\$labels\.(\w+)\s*\}\}", text)):
        yield f"<var>{escape(part)}</var>" if number % 2 else escape(part)


def _page(title: str, body: str) -> str:
    return _PAGE.substitute(title=escape(title), body=body)
