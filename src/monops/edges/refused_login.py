"""A login that is tried again and again must not lock its user out: when it was last refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from monops.domain.errors import ServiceError

#: Seconds in which Grafana counts wrong logins; five of them lock the user out.
#: Source: grafana/grafana, pkg/services/loginattempt.
_COUNTED = 300.0
_REFUSED = "refused\n"


class RefusedLogin:
    """One note in the state folder: made before the login, so that one that cannot be noted is not tried."""

    def __init__(self, note: Path) -> None:
        self._note = note

    def is_right(self, log_in: Callable[[], int]) -> bool:
        """Whether `log_in` gives HTTP status 200; not asked again within five minutes of a refusal. Raises
        ServiceError where it is not known, and what `log_in` raises."""
        if (said := self._said_lately()) is not None:
            if said == _REFUSED:
                return False
            raise ServiceError(
                "a login as admin with the password admin was tried less than five minutes ago, and five wrong ones "
                "lock Grafana's user out",
                remedy=f"sleep {_COUNTED:.0f}; monops doctor --only security.default_password",
            )
        try:
            self._note.parent.mkdir(parents=True, exist_ok=True)
            self._note.write_text("")
        except OSError as error:
            raise ServiceError(
                "the password admin is not tried, because it cannot be noted when it was, and five wrong logins lock "
                f"Grafana's user out: {self._note}: {error.strerror}",
                remedy="export MONOPS_GRAFANA_PASSWORD_FILE=FILE; or MONOPS_STATE_DIR=DIR, a folder to write to",
            ) from error
        status = log_in()
        if status == 401:
            self._note.write_text(_REFUSED)
        else:  # nothing that Grafana counts
            self._note.unlink(missing_ok=True)
        return status == 200

    def _said_lately(self) -> str | None:
        try:
            age = time.time() - self._note.stat().st_mtime
            return self._note.read_text() if 0 <= age < _COUNTED else None
        except OSError:
            return None
