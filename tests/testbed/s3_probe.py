"""One signed S3 request, with nothing but the standard library: `s3_probe.py make-bucket|head-bucket BUCKET`.

The server's address and keys come from the MONOPS_TEST_S3_* variables that `scripts/testbed env` prints.
"""

import datetime as dt
import hashlib
import hmac
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

REGION = "us-east-1"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
METHODS = {"make-bucket": "PUT", "head-bucket": "HEAD"}
SECONDS = 5


def _hmac(key: bytes, message: str) -> bytes:
    return hmac.new(key, message.encode(), hashlib.sha256).digest()


def signed_request(
    endpoint: str, method: str, path: str, access: str, secret: str, now: dt.datetime
) -> urllib.request.Request:
    """An empty-bodied request, signed with AWS Signature Version 4."""
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    headers = {
        "host": urllib.parse.urlsplit(endpoint).netloc,
        "x-amz-content-sha256": EMPTY_SHA256,
        "x-amz-date": stamp,
    }
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        [method, path, "", *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names, EMPTY_SHA256]
    )
    scope = f"{day}/{REGION}/s3/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (day, REGION, "s3", "aws4_request"):
        key = _hmac(key, part)
    signature = _hmac(key, to_sign).hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return urllib.request.Request(endpoint + path, method=method, headers=headers)


def main(action: str, bucket: str) -> str:
    """Send the request; the answer is an error message, empty when all is well."""
    endpoint = os.environ["MONOPS_TEST_S3_ENDPOINT"].rstrip("/")
    request = signed_request(
        endpoint,
        METHODS[action],
        f"/{bucket}",
        os.environ["MONOPS_TEST_S3_ACCESS_KEY"],
        os.environ["MONOPS_TEST_S3_SECRET_KEY"],
        dt.datetime.now(dt.UTC),
    )
    # The server is on this machine: a proxy from the environment has no place between.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return f"{endpoint} answered {error.code} to {action} {bucket}"
    except OSError as error:
        return f"{endpoint} does not answer: {error}"


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in METHODS:
        sys.exit("usage: s3_probe.py make-bucket|head-bucket BUCKET")
    sys.exit(main(sys.argv[1], sys.argv[2]) or 0)
