"""What every HTTP edge shares: an address, sessions without proxies, bounded waiting, answers that may be anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from monops.domain.errors import ServiceError, ServiceUnreachable
from monops.domain.rebuild import without_secret

if TYPE_CHECKING:
    import requests

#: Seconds.
TIMEOUT = 10.0


class HttpService:
    """A service at its address."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url
        self._session = session

    @property
    def url(self) -> str:
        return self._url


def new_session() -> requests.Session:
    import requests

    session = requests.Session()
    # A proxy of the environment is for the internet, never for a container.
    session.trust_env = False
    session.headers["User-Agent"] = "monops"
    return session


def status_of(session: requests.Session, url: str) -> int | None:
    """The status of a GET, or None where nobody answers."""
    import requests

    if not urlsplit(url).hostname:
        return None
    try:
        return session.get(url, timeout=(2.0, TIMEOUT), allow_redirects=False).status_code
    except requests.RequestException:
        return None


def json_of(answer: requests.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def refused(service: str, url: str, path: str, answer: requests.Response, why: object = "") -> ServiceError:
    """The error for an answer that is none; a service that is starting says 503 to all."""
    url = without_secret(url)
    at, status = f"{service} at {url}", f"HTTP {answer.status_code} {why}".rstrip()
    if answer.status_code == 503:
        return ServiceUnreachable(f"{at} is not ready: {status}", remedy=f"wait until it is: curl {url}/-/ready")
    if answer.ok:
        return ServiceError(f"what answers at {url}{path} is not {service}", remedy=f"curl '{url}{path}'")
    return ServiceError(f"{at} refuses {path}: {status}", remedy=f"curl '{url}{path}'")


@contextmanager
def answering(service: str, url: str, path: str) -> Iterator[None]:
    """Raises ServiceUnreachable where nobody answers, or not in time."""
    import requests

    url = without_secret(url)
    remedy = f"curl -m 10 {url}/-/ready"
    try:
        yield
    except requests.Timeout as error:
        raise ServiceUnreachable(f"{service} at {url} did not answer {path} in time", remedy=remedy) from error
    except requests.RequestException as error:
        raise ServiceUnreachable(f"{service} at {url} does not answer", remedy=remedy) from error
