# A real S3 server in a container, reachable from this machine only.
# shellcheck shell=bash

S3_CONTAINER=monops-testbed-s3
S3_PORT=${MONOPS_TESTBED_S3_PORT:-9901}
S3_ENDPOINT=http://127.0.0.1:$S3_PORT
# Fixed on purpose: the server holds test data only, and listens on the loopback address alone.
S3_ACCESS_KEY=${MONOPS_TEST_S3_ACCESS_KEY:-monops-test-access}
S3_SECRET_KEY=${MONOPS_TEST_S3_SECRET_KEY:-monops-test-secret}
S3_BUCKET=${MONOPS_TEST_S3_BUCKET:-monops-test}

# Asks with a signed request, so that it proves the user and its key too.
_s3_probe() {
  MONOPS_TEST_S3_ENDPOINT=$S3_ENDPOINT MONOPS_TEST_S3_ACCESS_KEY=$S3_ACCESS_KEY MONOPS_TEST_S3_SECRET_KEY=$S3_SECRET_KEY \
    python3 "$TESTBED_DIR/s3_probe.py" "$1" "$S3_BUCKET"
}

# What the container was started with; when that changes, it is started anew.
_s3_fingerprint() {
  local image
  image=$("$DOCKER" image inspect --format '{{.Id}}' "$S3_IMAGE")
  printf '%s %s %s %s' "$image" "$S3_PORT" "$S3_ACCESS_KEY" "$S3_SECRET_KEY" | sha256sum | cut -c1-16
}

_s3_run() {
  "$DOCKER" rm -fv "$S3_CONTAINER" >/dev/null 2>&1 || true
  say "starting the S3 server on $S3_ENDPOINT"
  "$DOCKER" run -d --name "$S3_CONTAINER" --label "$TESTBED_LABEL" --label "monops.recipe=$1" \
    --log-opt max-size=10m --publish "127.0.0.1:$S3_PORT:$S3_PORT" \
    --env S3_PORT="$S3_PORT" --env S3_ACCESS_KEY="$S3_ACCESS_KEY" --env S3_SECRET_KEY="$S3_SECRET_KEY" \
    "$S3_IMAGE" >/dev/null || die "the S3 server did not start; if port $S3_PORT is taken, choose another: MONOPS_TESTBED_S3_PORT=9911 scripts/testbed up"
}

s3_up() {
  local wanted have
  wanted=$(_s3_fingerprint)
  have=$("$DOCKER" container inspect --format '{{index .Config.Labels "monops.recipe"}} {{.State.Running}}' "$S3_CONTAINER" 2>/dev/null || true)
  case $have in
    "$wanted true") ;;
    # Not started again when it had stopped: what earlier tests left in its one file only makes it slow.
    *) _s3_run "$wanted" ;;
  esac
  # Its first write waits for the disk, and just after an install the disk can be busy for half a minute.
  wait_for 180 _s3_probe make-bucket || die "the S3 server does not answer on $S3_ENDPOINT; see: $DOCKER logs $S3_CONTAINER"
}

s3_status() {
  local answer
  if ! answer=$(_s3_probe head-bucket 2>&1); then
    say "s3: down ($answer)"
    return 1
  fi
  say "s3: up ($S3_ENDPOINT, bucket $S3_BUCKET, a signed request was answered)"
}

s3_env() {
  printf 'export %s=%q\n' MONOPS_TEST_S3_ENDPOINT "$S3_ENDPOINT" MONOPS_TEST_S3_ACCESS_KEY "$S3_ACCESS_KEY" \
    MONOPS_TEST_S3_SECRET_KEY "$S3_SECRET_KEY" MONOPS_TEST_S3_BUCKET "$S3_BUCKET"
}
