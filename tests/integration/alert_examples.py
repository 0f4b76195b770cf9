"""The examples of every alert and recording rule that ships."""

from __future__ import annotations

from tests.integration.alert_examples_application import PERFORMANCE, QUEUE, QUOTA, SESSIONS
from tests.integration.alert_examples_machine import SERVICES, SYSTEM
from tests.integration.alert_examples_model import Example, RecordExample
from tests.integration.alert_examples_monitoring import BACKUPS, MONITORING
from tests.integration.alert_examples_recording import RECORDING

EXAMPLES: tuple[Example, ...] = (
    *SYSTEM,
    *SERVICES,
    *QUEUE,
    *QUOTA,
    *SESSIONS,
    *PERFORMANCE,
    *MONITORING,
    *BACKUPS,
)
RECORD_EXAMPLES: tuple[RecordExample, ...] = RECORDING
