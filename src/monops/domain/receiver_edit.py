"""Editing receivers and routes in `alertmanager.yml`, so that every other byte stays."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monops.domain.errors import NotFound, Refused
from monops.domain.nearest import did_you_mean, listed
from monops.domain.receivers import GLOBAL_EMAIL, routing_of
from monops.domain.routing import Matcher, Routing, read_matchers
from monops.domain.yaml_edit import has, insert_item, remove, set_value, value_at

_Path = tuple[str | int, ...]
#: What a route has that is nothing but a way to a receiver, as `receivers set` makes them.
_PLAIN = frozenset({"matchers", "match", "match_re", "receiver", "continue"})
#: Routes of these alerts come first and stay so: tests must page nobody, and the dead man's switch must always be told.
_FIRST = (("monops_test", "true"), ("alertname", "Watchdog"))


def with_settings(
    text: str, name: str, kind: str, settings: Mapping[tuple[str, ...], Any], dropped: Sequence[str], *, file: str
) -> str:
    """The receiver has an integration of this kind with these settings; others of it stay, `dropped` go.

    `dropped` are written with dots: `http_config.basic_auth.password`. Raises Refused where it has several of the kind.
    """
    number = receiver_at(text, name, file=file)
    key = f"{kind}_configs"
    if number is None:
        return insert_item(text, ("receivers",), {"name": name, key: [_nested(settings)]}, file=file)
    at: _Path = ("receivers", number, key)
    found = value_at(text, at, file=file) if has(text, at, file=file) else None
    if not found:
        return set_value(text, at, [_nested(settings)], file=file)
    if len(found) > 1:
        raise Refused(
            f"the receiver {name} has {len(found)} {key} in {file}, and monops cannot know which one is meant",
            remedy=f"edit {file} by hand, then: monops stack up; or take a receiver of its own: --name NAME",
        )
    for path, value in settings.items():
        if not has(text, (*at, 0, *path), file=file) or value_at(text, (*at, 0, *path), file=file) != value:
            text = set_value(text, (*at, 0, *path), value, file=file)
    for setting in dropped:
        if has(text, (*at, 0, *setting.split(".")), file=file):
            text = remove(text, (*at, 0, *setting.split(".")), file=file)
    return text


def with_globals(text: str, settings: Mapping[str, Any], dropped: Sequence[str], *, file: str) -> str:
    """Settings for every receiver."""
    for name, value in settings.items():
        if not has(text, ("global", name), file=file) or value_at(text, ("global", name), file=file) != value:
            text = set_value(text, ("global", name), value, file=file)
    for name in dropped:
        if has(text, ("global", name), file=file):
            text = remove(text, ("global", name), file=file)
    return text


def receiver_at(text: str, name: str, *, file: str) -> int | None:
    """Which item of `receivers` it is; None where there is none of that name."""
    found = value_at(text, ("receivers",), file=file) if has(text, ("receivers",), file=file) else None
    names = [str(item.get("name")) for item in found or () if isinstance(item, Mapping)]
    return names.index(name) if name in names else None


def keeps_mail_global(text: str, name: str, *, file: str) -> bool:
    """Whether the server of mail is set for all receivers, and this one is the only one that uses it."""
    content = routing_of(text, file)
    if "smtp_smarthost" not in content.settings:
        return False
    mailing = [one.name for one in content.receivers.values() if "email" in one.kinds]
    own = content.receivers.get(name)
    has_own = own is not None and any(
        kind == "email" and any(setting in settings for setting in GLOBAL_EMAIL if setting != "require_tls")
        for kind, settings in own.integrations
    )
    return not has_own and all(one == name for one in mailing)


# --- routes ----------------------------------------------------------------------------------------


def with_default(text: str, name: str, *, file: str) -> str:
    """Alerts for which no route says otherwise go to it."""
    if has(text, ("route", "receiver"), file=file) and value_at(text, ("route", "receiver"), file=file) == name:
        return text
    return set_value(text, ("route", "receiver"), name, file=file)


def with_route(text: str, name: str, conditions: str, *, file: str) -> str:
    """Alerts that meet the conditions are told to the receiver, and to whom they were told by the same route before.

    Raises Refused where another route would keep them from it.
    """
    matchers = tuple(sorted(read_matchers(conditions), key=str))
    root = routing_of(text, file).root
    known = [number for number, route in enumerate(root.routes) if route.matchers == matchers]
    changed = _extended(text, name, known[0], file=file) if known else _added(text, name, matchers, file=file)
    labels = sample(matchers)
    if labels is not None and name not in hearing(routing_of(changed, file), labels):
        raise Refused(
            f"a route before it takes every alert with {conditions}, so {name} would not hear of them",
            remedy=f"edit the routes of {file} by hand, then: monops stack up; see monops receivers show",
        )
    return changed


def sample(matchers: Sequence[Matcher]) -> dict[str, str] | None:
    """Labels of an alert that meets them; None where that cannot be told."""
    if any(one.operator != "=" for one in matchers):
        return None
    return {one.name: one.value for one in matchers}


def hearing(routing: Routing, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the receivers that are told of an alert, without those that tell nobody."""
    return tuple(one.name for one in routing.heard_by(labels) if not one.is_empty)


def _extended(text: str, name: str, number: int, *, file: str) -> str:
    """The route that is there leads to the receiver too."""
    routing = routing_of(text, file)
    route, at = routing.root.routes[number], ("route", "routes", number)
    child = {"receiver": name, "continue": True}
    if route.routes:
        if any(one.receiver == name and not one.matchers for one in route.routes):
            return text
        is_closed = any(not one.goes_on and not one.matchers for one in route.routes)
        return insert_item(text, (*at, "routes"), child, file=file, after=-1 if is_closed else None)
    if route.receiver == name:
        return text
    told = routing.receivers.get(route.receiver)
    if told is None or told.is_empty:
        return set_value(text, (*at, "receiver"), name, file=file)
    return set_value(text, (*at, "routes"), [{"receiver": route.receiver, "continue": True}, child], file=file)


def _added(text: str, name: str, matchers: Sequence[Matcher], *, file: str) -> str:
    """A route of its own, before the first that would take such alerts; those that follow are asked too."""
    routes = routing_of(text, file).root.routes
    labels = sample(matchers)
    first = sum(any(one.operator == "=" and (one.name, one.value) in _FIRST for one in r.matchers) for r in routes)
    place = len(routes)
    for number, route in enumerate(routes):
        if number >= first and (labels is None or route.matches(labels)):
            place = number
            break
    new: dict[str, Any] = {"matchers": [str(one) for one in matchers], "receiver": name}
    if place < len(routes):
        new["continue"] = True
    return insert_item(text, ("route", "routes"), new, file=file, after=place - 1 if place < len(routes) else None)


def uses(text: str, name: str, *, file: str) -> tuple[str, ...]:
    """The routes that name the receiver themselves, in words."""
    return tuple(words for _, words in _naming(value_at(text, ("route",), file=file), name, ("route",)))


def without_receiver(text: str, name: str, *, file: str, and_routes: bool, default: str | None) -> str:
    """The receiver is gone, and with `and_routes` every route that is but a way to it; `default` takes its place at
    the top. A route that says more stays, and leads where the one above it does: see `inheriting`.

    Raises NotFound, Refused.
    """
    routing = routing_of(text, file)
    if name not in routing.receivers:
        known = list(routing.receivers)
        raise NotFound(
            f"there is no receiver {name!r} (there are {listed(known)})." + did_you_mean(name, known),
            remedy="monops receivers show",
        )
    if len(routing.receivers) == 1:
        raise Refused(
            f"{name} is the only receiver, and Alertmanager needs one",
            remedy="set another one up first: monops receivers set webhook --default",
        )
    if routing.root.receiver == name:
        if default is None:
            other = next(one for one in routing.receivers if one != name)
            raise Refused(
                f"alerts that no route takes go to {name}, so another must take its place",
                remedy=shlex.join(["monops", "receivers", "remove", name, "--default", other]),
            )
        _check_there(routing, default, name)
        text = with_default(text, default, file=file)
    naming = uses(text, name, file=file)
    if naming and not and_routes:
        raise Refused(
            f"there are still routes that lead to {name}: {'; '.join(naming)}",
            remedy=f"take them away too: monops receivers remove {shlex.quote(name)} --and-routes",
        )
    while found := list(_naming(value_at(text, ("route",), file=file), name, ("route",))):
        text = _unrouted(text, found[-1][0], file=file)
    number = receiver_at(text, name, file=file)
    return text if number is None else remove(text, ("receivers", number), file=file)


def inheriting(text: str, name: str, *, file: str, default: str | None) -> tuple[str, ...]:
    """The routes that stay without this receiver, because there is more to them, in words with who hears then."""
    root = value_at(text, ("route",), file=file)
    heir = str(default if root.get("receiver") == name else root.get("receiver"))
    return tuple(_inheriting(root, name, heir))


def _inheriting(route: Any, name: str, heir: str, above: str = "") -> Iterator[str]:
    for child in route.get("routes") or ():
        here = " > ".join(part for part in (above, _words(child)) if part)
        receiver = str(child.get("receiver") or heir)
        if receiver == name:
            receiver = heir
            if _stays(child, name):
                more = [key for key in child if key not in _PLAIN and key != "routes"]
                why = f"sets {listed(more)}" if more else "has routes below it"
                yield f"the route {here or 'of any alert'} stays, because it {why} too: its alerts go to {heir} then"
        yield from _inheriting(child, name, receiver, here)


def _stays(route: Mapping[str, Any], name: str) -> bool:
    children = route.get("routes") or ()
    return bool(set(route) - _PLAIN - {"routes"}) or any(
        child.get("receiver") != name or _stays(child, name) for child in children
    )


def _check_there(routing: Routing, default: str, name: str) -> None:
    if default not in routing.receivers or default == name:
        others = [one for one in routing.receivers if one != name]
        raise NotFound(
            f"there is no other receiver {default!r} (there are {listed(others)})." + did_you_mean(default, others),
            remedy="monops receivers show",
        )


def _naming(route: Any, name: str, at: _Path, above: str = "") -> Iterator[tuple[_Path, str]]:
    """Each route below and this one that names the receiver: its path, and in words."""
    words = _words(route)
    here = " > ".join(part for part in (above, words) if part)
    if route.get("receiver") == name:
        yield at, here or "any alert"
    for number, child in enumerate(route.get("routes") or ()):
        yield from _naming(child, name, (*at, "routes", number), here)


def _words(route: Mapping[str, Any]) -> str:
    written = route.get("matchers") or ()
    found = [written] if isinstance(written, str) else [str(one) for one in written]
    found += [f"{key}={value}" for part in ("match", "match_re") for key, value in (route.get(part) or {}).items()]
    return "{" + ", ".join(found) + "}" if found else ""


def _unrouted(text: str, at: _Path, *, file: str) -> str:
    """A route that leads to nobody else is gone; one that says more no longer names the receiver."""
    if at == ("route",) or set(value_at(text, at, file=file)) - _PLAIN:
        return remove(text, (*at, "receiver"), file=file)
    above = at[:-1]
    siblings = value_at(text, above, file=file)
    return remove(text, above if len(siblings) == 1 else at, file=file)


def _nested(settings: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, value in settings.items():
        place = found
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = value
    return found
