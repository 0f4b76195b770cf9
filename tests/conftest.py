"""For every test: started from a shell's background job, the tests have ^C ignored, and so would what they start."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A handler is not inherited by programs that are started, so they have the usual one.
    signal.signal(signal.SIGINT, signal.default_int_handler)
