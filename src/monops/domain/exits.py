"""Exit codes, the same for every command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a finished process says to cron, systemd and scripts."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTLY = 3
    FINDINGS = 4
    MISSING = 10
    LOCKED = 11
    CONFIGURATION = 12
    BUG = 70
    INTERRUPTED = 130
    TERMINATED = 143


#: One line each, for help texts and the reference.
MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done, healthy",
    Exit.FAILED: "failed, or could not look",
    Exit.USAGE: "wrong usage",
    Exit.PARTLY: "done in part: the output says which part is missing",
    Exit.FINDINGS: "findings: something looked at is damaged or wrong",
    Exit.MISSING: "snapshot or destination missing",
    Exit.LOCKED: "another monops is writing there",
    Exit.CONFIGURATION: "the configuration is wrong",
    Exit.BUG: "a bug in monops: a report was saved",
    Exit.INTERRUPTED: "interrupted by ^C",
    Exit.TERMINATED: "stopped by SIGTERM, or by SIGHUP as the terminal went",
}
