# Shared by every part of the test bed: where its state lives, how it speaks, how it waits.
# shellcheck shell=bash disable=SC2034  # the parts that source this read them

TESTBED_STATE=${MONOPS_TESTBED_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/monops-testbed}
TESTBED_CACHE=${MONOPS_TESTBED_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/monops-testbed}
TESTBED_LABEL=monops.testbed=true

# Everything said goes to stderr: `scripts/testbed env` is eval'ed from stdout.
say() { printf 'testbed: %s\n' "$*" >&2; }

die() {
  printf 'testbed: error: %s\n' "$*" >&2
  exit 1
}

# run_logged LOG WHAT COMMAND…: quiet when it works; when it does not, the log's end and the log's name.
run_logged() {
  local log=$1 what=$2
  shift 2
  if ! "$@" >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    die "$what failed; the whole log is in $log"
  fi
}

# wait_for SECONDS COMMAND…: true as soon as the command is.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

is_debian() { [[ -e /etc/debian_version ]] && command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; }

is_root() { [[ $(id -u) == 0 ]]; }

# Two `up` at once would install, build and start everything twice.
take_lock() {
  mkdir -p "$TESTBED_STATE"
  exec 9>"$TESTBED_STATE/lock"
  flock -n 9 && return
  say "another scripts/testbed is at work; waiting for it"
  flock -w 1800 9 || die "another scripts/testbed has held $TESTBED_STATE/lock for 30 minutes; look at it with: fuser -v $TESTBED_STATE/lock"
}
