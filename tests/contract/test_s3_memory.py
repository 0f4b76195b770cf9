"""What an upload to S3 needs of memory."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap

from tests.fakes.s3_sink import serving

from monops.domain.destination import MIB


def test_300_mib_take_less_than_130_mib_of_memory() -> None:
    with serving() as sink:
        script = textwrap.dedent(f"""
            from monops.domain.destination import MIB, S3Settings
            from monops.edges.s3_store import S3Store
            settings = S3Settings(bucket="bucket", endpoint_url="{sink.settings.endpoint_url}",
                access_key_id="test", secret_access_key="test")
            with S3Store(settings).write("objects/x", at_most=300 * MIB) as writer:
                for number in range(1200):
                    writer.write(bytes([number % 256]) * (MIB // 4))
            print(open("/proc/self/status").read())
        """)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert sink.stored == 300 * MIB
    match = re.search(r"VmHWM:\s+(\d+) kB", done.stdout)
    assert match
    assert int(match[1]) < 130 * 1024
