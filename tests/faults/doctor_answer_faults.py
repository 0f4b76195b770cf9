"""Faults of what a target answers, and what doctor shall say of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.bad_exporter import bad_exporter
from tests.faults.doctor_faults import Fault, Injection, Scene, job


def answering(page: str, more: str = "", *, expired: bool = False) -> Injection:
    """One more scrape job, whose target answers with such a page. `more`: further lines of the job."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        with bad_exporter(scene.shipped.bridge, expired=expired) as address:
            text = f"    metrics_path: {page}\n    static_configs: [{{targets: ['{address}']}}]"
            with job(text + more)(scene):
                yield

    return inject


ANSWERS = (
    Fault("answer 500", "targets.up", "500", answering("/error")),
    Fault("answer 401", "targets.up", "credentials", answering("/private")),
    Fault("a line that is no metric", "targets.up", "extra_bad one", answering("/nonsense")),
    Fault("a page of HTML", "targets.up", "is a web page", answering("/page")),
    Fault("no content type", "targets.up", "Content-Type", answering("/blank")),
    Fault("slow body", "targets.up", "does not end within", answering("/slow")),
    Fault("more samples than allowed", "targets.up", "sample_limit", answering("/many", "\n    sample_limit: 10")),
    Fault("a series twice in an answer", "targets.samples", "", answering("/twice")),
    Fault(
        "expired certificate",
        "targets.up",
        "expired",
        answering("/good", "\n    scheme: https\n    tls_config: {insecure_skip_verify: false}", expired=True),
    ),
)
