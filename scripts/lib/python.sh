# A virtual environment in .venv with what the lock file names; quick when it is there already.
# shellcheck shell=bash

MONOPS_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VENV=${MONOPS_VENV:-$MONOPS_ROOT/.venv}
# Tests and benchmarks start monops thousands of times: its modules are compiled once, as where it is installed.
unset PYTHONDONTWRITEBYTECODE

say() { printf '%s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$1" >&2
  [[ -z ${2:-} ]] || printf '  try: %s\n' "$2" >&2
  exit 1
}

is_root_on_debian() { [[ $(id -u) == 0 && -e /etc/debian_version ]] && command -v apt-get >/dev/null; }

# The first Python that is new enough and can make environments.
find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    if [[ -n $candidate ]] && "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s' "$candidate"
      return
    fi
  done
  return 1
}

ensure_python() {
  find_python >/dev/null && return
  is_root_on_debian || die 'Python 3.11 or later with venv is needed' 'sudo apt-get install python3 python3-venv'
  say 'installing the Debian packages python3 and python3-venv'
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 python3-venv; } >/dev/null ||
    die 'python3 and python3-venv could not be installed' 'apt-get update; apt-get install python3 python3-venv'
  find_python >/dev/null || die 'the Python of this Debian is older than 3.11' 'install Python 3.11 and set PYTHON=python3.11'
}

# ensure_venv runtime|dev: the locked packages, and monops itself from this folder.
ensure_venv() {
  local lock=$MONOPS_ROOT/requirements/$1.txt stamp=$VENV/.monops-$1 wanted
  ensure_python
  wanted=$(cat "$lock" "$MONOPS_ROOT/pyproject.toml" | sha256sum | cut -c1-64)
  # What the development lock installed holds everything that running needs.
  if [[ -x $VENV/bin/monops ]] && { [[ $(cat "$stamp" 2>/dev/null) == "$wanted" ]] || [[ $1 == runtime && -e $VENV/.monops-dev ]]; }; then
    return
  fi
  say "installing monops and the packages of requirements/$1.txt into ${VENV#"$PWD"/}"
  [[ -x $VENV/bin/python ]] || "$(find_python)" -m venv "$VENV" || die "no environment could be made in $VENV" "rm -rf $VENV"
  "$VENV/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes -r "$lock" ||
    die 'the locked packages could not be installed' "$VENV/bin/python -m pip install --require-hashes -r $lock"
  "$VENV/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e "$MONOPS_ROOT" ||
    die 'monops could not be installed' "$VENV/bin/python -m pip install --no-deps -e $MONOPS_ROOT"
  printf '%s' "$wanted" >"$stamp"
}
