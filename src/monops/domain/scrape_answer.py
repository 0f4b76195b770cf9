"""Why an answer of a target is of no use: its status, its encryption, its form, its size."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from monops.domain.cause import Cause
from monops.domain.finding import Fix, Risk
from monops.domain.scrape_error import ScrapeError
from monops.domain.scrape_scene import Scene, last_words

#: Ports on which the services themselves speak their own protocol: the exporter is somebody else.
_OWN_PROTOCOLS = {6379: "Redis", 5432: "PostgreSQL", 3306: "MySQL", 27017: "MongoDB", 11211: "Memcached"}
_CREDENTIALS = ("basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file")


def _cause(error: ScrapeError, scene: Scene, sentence: str, fix: Fix, *, kind: str = "", about: str = "") -> Cause:
    return Cause(
        kind=kind or error.kind,
        about=about or f"target {scene.address}{scene.path}",
        sentence=sentence,
        evidence=(scene.error,),
        fix=fix,
    )


def _look(scene: Scene, say: str) -> Fix:
    return Fix(say=say, command=scene.look())


# --- the connection ------------------------------------------------------------------------------


def _reset(error: ScrapeError, scene: Scene) -> Cause:
    if scene.port in _OWN_PROTOCOLS:
        return _not_http(error, scene)
    found = [one for one in scene.called(scene.host) if one.is_running]
    other = "https" if scene.scheme == "http" else "http"
    wants = "" if scene.scheme == "http" else "wants a certificate of Prometheus, "
    sentence = (
        f"{scene.address} ends the connection before it answers: it speaks {other} there, {wants}or crashes on the "
        "request"
    )
    if not found:
        return _cause(error, scene, sentence, _look(scene, "Ask it yourself, then read its log."))
    one = found[0]
    return Cause(
        kind=error.kind,
        about=f"container {one.name}",
        sentence=sentence,
        evidence=(scene.error, f"docker inspect {one.name}: {one.restarts} restarts", *last_words(one)),
        fix=Fix(say=f"Read in its log whether {one.name} crashes.", command=f"docker logs --tail 50 {one.name}"),
    )


def _not_http(error: ScrapeError, scene: Scene) -> Cause:
    answer = error.parts.get("answer", "")
    if "\\x15\\x03" in answer:
        sentence = f"{scene.address} speaks TLS, and job {scene.job} asks it in plain http"
        fix = scene.edit(f"Write scheme: https in job {scene.job}, with a tls_config if its authority is your own.")
        return _cause(error, scene, sentence, fix, kind="tls.missing")
    service = _OWN_PROTOCOLS.get(scene.port, "")
    if service == "Redis" or answer == '"wrong"':
        address = shlex.quote(scene.address)
        fix = Fix(
            say=f"Let the Redis exporter ask it: make {scene.address} a target of the job redis.",
            command=f"monops targets add redis {address}",
            risk=Risk.SAFE,
        )
        sentence = f"{scene.address} is Redis itself, which has no metrics for Prometheus; its exporter has"
        return _cause(error, scene, sentence, fix, kind="not_http")
    what = f"is {service} itself" if service else f"speaks something else than http (it said {answer[:60]})"
    sentence = f"{scene.address} {what}: the port is wrong, or an exporter is missing"
    fix = _look(scene, "Scrape the port on which its exporter listens.")
    return _cause(error, scene, sentence, fix, kind="not_http")


def _tls_plain(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"{scene.address} speaks plain http, and job {scene.job} asks it with https"
    return _cause(error, scene, sentence, scene.edit(f"Write scheme: http in job {scene.job}, then reload."))


def _tls_unknown(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"the certificate of {scene.address} was signed by an authority that Prometheus does not know"
    say = f"Name the authority's certificate as tls_config.ca_file in job {scene.job}, then reload."
    return _cause(error, scene, sentence, scene.edit(say))


def _tls_name(error: ScrapeError, scene: Scene) -> Cause:
    valid = error.parts.get("valid", "").split(", ")[0]
    name = error.parts.get("name", scene.host)
    of = f" (it is for {error.parts['valid']})" if valid else ""
    sentence = f"the certificate of {scene.address} is not for the name {name!r}{of}"
    say = f"Write tls_config.server_name: {valid or 'the name in the certificate'} in job {scene.job}, then reload."
    return _cause(error, scene, sentence, scene.edit(say))


def _tls_expired(error: ScrapeError, scene: Scene) -> Cause:
    time, side = error.parts.get("time", ""), error.parts.get("side", "")
    if side == "before":
        sentence = f"the certificate of {scene.address} is valid from {time} only: a clock is wrong, or it is too new"
    else:
        sentence = f"the certificate of {scene.address} has expired{f' on {time}' if time else ' or is not valid yet'}"
    command = f"openssl s_client -connect {scene.address} </dev/null | openssl x509 -noout -dates"
    return _cause(error, scene, sentence, Fix(say="Renew the certificate of the target.", command=command))


def _tls_client(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"{scene.address} wants a certificate of Prometheus, or refuses the one it gets ({error.parts['why']})"
    say = f"Name Prometheus's own certificate as tls_config.cert_file and key_file in job {scene.job}, then reload."
    return _cause(error, scene, sentence, scene.edit(say))


def _tls_other(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"{scene.address} and Prometheus do not agree on encryption: {error.parts['why'][:120]}"
    command = f"openssl s_client -connect {scene.address} </dev/null"
    return _cause(error, scene, sentence, Fix(say="See what the target offers.", command=command))


def _proxy(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"the proxy that job {scene.job} names cannot be reached"
    fix = scene.edit(f"Correct or remove proxy_url in job {scene.job}, then reload.")
    return _cause(error, scene, sentence, fix, about=f"job {scene.job}")


# --- who is let in, and where --------------------------------------------------------------------


def _credentials_file(error: ScrapeError, scene: Scene) -> Cause:
    file = error.parts.get("file", "the file")
    why = "it may not read it" if error.parts.get("why") == "permission" else "it is not there"
    sentence = f"Prometheus has no credentials for job {scene.job}: it cannot read {file} in its container, {why}"
    fix = Fix(
        say=f"Mount the file at {file} where Prometheus's user may read it.",
        command=f"docker exec {scene.prometheus_name} ls -l {shlex.quote(file)}",
    )
    return _cause(error, scene, sentence, fix, about=f"file {file}")


def _status(error: ScrapeError, scene: Scene) -> Cause:
    status = error.parts["status"].splitlines()[0]
    code = int(status[:3])
    answers = {
        400: _status_bad_request, 401: _status_unknown_caller, 403: _status_refused, 404: _status_not_found,
    }  # fmt: skip
    if code in answers:
        return answers[code](error, scene)
    if 300 <= code < 400:
        sentence = f"{scene.address} sends Prometheus elsewhere (HTTP {status}), and job {scene.job} follows nobody"
        fix = scene.edit(f"Name the address that answers in job {scene.job}, or remove follow_redirects: false.")
        return _cause(error, scene, sentence, fix, kind="http.redirect")
    if code == 405:
        sentence = f"{scene.address}{scene.path} is no page of metrics: it is not made to be read (HTTP {status})"
        fix = scene.edit(f"Write the right metrics_path in job {scene.job}, then reload.")
        return _cause(error, scene, sentence, fix, kind="http.path")
    sentence = f"{scene.address} answers HTTP {status}: the program itself says that it is not well"
    if code == 429:
        sentence = f"{scene.address} refuses because it is asked too often (HTTP {status})"
    found = scene.called(scene.host)
    if not found:
        return _cause(error, scene, sentence, _look(scene, "Read the log of the target."))
    fix = Fix(say=f"Read the log of {found[0].name}.", command=f"docker logs --tail 50 {found[0].name}")
    return _cause(error, scene, sentence, fix, about=f"container {found[0].name}")


def _status_bad_request(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"{scene.address} does not understand the request (HTTP 400): most often it wants https, or a parameter"
    return _cause(error, scene, sentence, _look(scene, "Ask it yourself and read what it answers."))


def _status_unknown_caller(error: ScrapeError, scene: Scene) -> Cause:
    given = [name for name in _CREDENTIALS if name in scene.section]
    if not scene.section:
        sentence = f"{scene.address} wants credentials (HTTP 401), and gets none or wrong ones"
    elif given:
        sentence = f"{scene.address} refuses the credentials of job {scene.job} ({given[0]})"
    else:
        sentence = f"{scene.address} wants credentials, and job {scene.job} sends none"
    say = f"Write basic_auth or authorization, with the secret in a file, in job {scene.job}, then reload."
    return _cause(error, scene, sentence, scene.edit(say), kind="auth.missing" if not given else "auth.wrong")


def _status_refused(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"{scene.address} does not let Prometheus read {scene.path} (HTTP 403)"
    say = "Allow Prometheus's address or credentials there."
    return _cause(error, scene, sentence, _look(scene, say), kind="auth.refused")


def _status_not_found(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"{scene.address} has no page {scene.path} (HTTP 404)"
    say = f"Write the right metrics_path in job {scene.job}, then reload."
    return _cause(error, scene, sentence, scene.edit(say), kind="http.path")


def _redirect(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"{scene.address} sends Prometheus round in a circle: often a login page before the metrics"
    return _cause(
        error, scene, sentence, _look(scene, "See where it sends you, and let the metrics out without login.")
    )


# --- the form ------------------------------------------------------------------------------------


def _no_type(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"{scene.address} does not say which form its metrics have: its Content-Type is empty"
    say = f"Let it send a Content-Type, or write fallback_scrape_protocol: PrometheusText0.0.4 in job {scene.job}."
    return _cause(error, scene, sentence, scene.edit(say))


def _wrong_type(error: ScrapeError, scene: Scene) -> Cause:
    kind = error.parts.get("type", "")
    if kind.startswith("text/html"):
        return _html(error, scene)
    if kind.startswith("application/json"):
        return _json(error, scene)
    sentence = f"{scene.address} says its metrics are {kind!r}, which Prometheus does not know"
    say = f"Correct the Content-Type, or write fallback_scrape_protocol: PrometheusText0.0.4 in job {scene.job}."
    return _cause(error, scene, sentence, scene.edit(say))


def _html(error: ScrapeError, scene: Scene) -> Cause:
    sentence = (
        f"{scene.address}{scene.path} is a web page, not metrics: the path is wrong, or a login page is before it"
    )
    return _cause(error, scene, sentence, _path(scene), kind="answer.html")


def _json(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"{scene.address}{scene.path} answers JSON, not metrics: the path or the port is wrong"
    return _cause(error, scene, sentence, _path(scene), kind="answer.json")


def _start(error: ScrapeError, scene: Scene) -> Cause:
    sentence = (
        f"{scene.address}{scene.path} answers something that is no metrics: a web page, JSON, or a broken first line"
    )
    return _cause(error, scene, sentence, _look(scene, "See what it answers."), kind="answer.other")


def _path(scene: Scene) -> Fix:
    return scene.edit(f"Write the metrics_path and port of the metrics in job {scene.job}, then reload.")


def _line(error: ScrapeError, scene: Scene) -> Cause:
    line = error.parts.get("line", "")
    what = {
        "parse.value": f"a value is no number: {error.parts.get('value', '')}",
        "parse.type": f"a TYPE line names no known type: {error.parts.get('value', '')}",
        "parse.label": "a label is not well-formed"
        + (f": {error.parts['label']} is there twice" if "label" in error.parts else "")
        + (f": {error.parts['value']}" if "value" in error.parts else ""),
    }.get(error.kind, "a line is not well-formed")
    where = f", in {line!r}" if line else ""
    sentence = f"{scene.address} writes metrics that cannot be read: {what}{where}"
    return _cause(
        error, scene, sentence, _look(scene, "Correct what the program writes; a client library does it right.")
    )


def _cut(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"the answer of {scene.address} ends too early: OpenMetrics must end with # EOF"
    return _cause(error, scene, sentence, _look(scene, "Let the program write # EOF at the end, or plain text."))


def _packed(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"the answer of {scene.address} is cut off, or says it is compressed and is not"
    return _cause(error, scene, sentence, _look(scene, "Remove what compresses between it and Prometheus."))


# --- limits and rules of the job -----------------------------------------------------------------


def _limit(error: ScrapeError, scene: Scene) -> Cause:
    parts, about = error.parts, f"job {scene.job}"
    metric = f", metric {parts['metric']}" if "metric" in parts else ""
    label = f", label {parts['label']}" if "label" in parts else ""
    count = f" ({parts['count']} of {parts['limit']}{metric}{label})" if "count" in parts else ""
    name, what = {
        "limit.sample": ("sample_limit", "has more samples than the job allows"),
        "limit.bucket": ("native_histogram_bucket_limit", "has a histogram with more buckets than the job allows"),
        "limit.label": (error.text.partition(" ")[0], "has more or longer labels than the job allows"),
        "limit.target": ("target_limit", "has more targets than it allows itself, so none is scraped"),
        "limit.body": ("body_size_limit", "sends more bytes than the job allows"),
    }[error.kind]
    set_to = f" {name}: {scene.section[name]}" if name in scene.section else ""
    who = about if error.kind == "limit.target" else scene.address
    return Cause(
        kind=error.kind,
        about=about,
        sentence=f"{who} {what}{count}{set_to and f', by{set_to}'}; the whole scrape is thrown away",
        evidence=(scene.error,),
        fix=scene.edit(f"Let the target expose less, or raise {name} of job {scene.job}, then reload."),
    )


def _invalid(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"after the metric_relabel_configs of job {scene.job} a series has no valid name"
    fix = scene.edit(f"Correct the rule of job {scene.job} that changes or drops __name__, then reload.")
    return _cause(error, scene, sentence, fix, about=f"job {scene.job}")


def _config(error: ScrapeError, scene: Scene) -> Cause:
    sentence = f"the rules of job {scene.job} make a target that cannot be: {error.text[:160]}"
    fix = scene.edit(f"Correct relabel_configs or the times of job {scene.job}, then reload.")
    return _cause(error, scene, sentence, fix, about=f"job {scene.job}")


#: Class -> how its cause is told.
ANSWERS: Mapping[str, Callable[[ScrapeError, Scene], Cause]] = {
    "auth.file": _credentials_file,
    "proxy": _proxy,
    "conn.reset": _reset,
    "not_http": _not_http,
    "tls.plain": _tls_plain,
    "tls.unknown_ca": _tls_unknown,
    "tls.name": _tls_name,
    "tls.expired": _tls_expired,
    "tls.client_certificate": _tls_client,
    "tls.other": _tls_other,
    "http.status": _status,
    "http.redirect": _redirect,
    "ctype.blank": _no_type,
    "ctype.bad": _wrong_type,
    "parse.html": _html,
    "parse.json": _json,
    "parse.start": _start,
    "parse.value": _line,
    "parse.label": _line,
    "parse.type": _line,
    "parse.other": _line,
    "parse.om_eof": _cut,
    "parse.gzip": _packed,
    "limit.sample": _limit,
    "limit.bucket": _limit,
    "limit.label": _limit,
    "limit.target": _limit,
    "limit.body": _limit,
    "series.invalid": _invalid,
    "config": _config,
}
