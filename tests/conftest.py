"""For every test: signals as a terminal has them, and no property that fails because the machine is busy."""

from __future__ import annotations

import signal

from hypothesis import settings

# Started from a shell's background job, the tests have ^C ignored, and so would what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A handler is not inherited by programs that are started, so they have the usual one.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is, and nothing else.
settings.register_profile("monops", deadline=None)
settings.load_profile("monops")
