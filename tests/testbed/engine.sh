# The Docker Engine with Compose v2: found where one answers, installed and started where none does.
# shellcheck shell=bash

ENGINE_PID_FILE=$TESTBED_STATE/dockerd.pid
ENGINE_LOG=$TESTBED_STATE/dockerd.log
# A folder with nothing but `docker` in it: put first in PATH, it changes the meaning of no other command.
ENGINE_BIN=$TESTBED_STATE/bin

_has_compose() { "$1" compose version --short 2>/dev/null | grep -Eq '^v?([2-9]|[1-9][0-9])\.'; }

# Debian's own path first: elsewhere in PATH there may be an older client without Compose.
engine_find_client() {
  local candidate
  DOCKER=
  while read -r candidate; do
    if [[ -x $candidate ]] && _has_compose "$candidate"; then
      DOCKER=$candidate
      return 0
    fi
  done < <(printf '/usr/bin/docker\n'; type -aP docker | grep -vF "$ENGINE_BIN/" || true)
  return 1
}

_answers() { timeout 10 "$DOCKER" version --format '{{.Server.Version}}'; }

engine_answers() { engine_find_client && _answers >/dev/null 2>&1; }

# For the commands that need an engine and must not start one.
engine_require() { engine_answers || die "no Docker Engine with Compose v2 answers; start the test bed with: scripts/testbed up"; }

# A process's number alone can be another process by now: its start time makes it this one.
_start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# engine_own_pid: the pid of the dockerd that `up` started, if it still runs.
engine_own_pid() {
  local pid started
  read -r pid started 2>/dev/null <"$ENGINE_PID_FILE" || return 1
  [[ $(cat "/proc/$pid/comm" 2>/dev/null) == dockerd && $(_start_time "$pid") == "$started" ]] || return 1
  printf '%s' "$pid"
}

_engine_may_install() {
  [[ ${DOCKER_HOST:-unix:///var/run/docker.sock} == unix:///var/run/docker.sock ]] \
    || die "DOCKER_HOST is $DOCKER_HOST and no engine answers there; start that engine, or run: unset DOCKER_HOST"
  is_debian || die "no Docker Engine with Compose v2 answers, and this script can install one only on Debian; install and start Docker, then run it again"
  is_root || die "no Docker Engine with Compose v2 answers, and installing or starting one needs root; start Docker, or run: sudo scripts/testbed up"
}

# Compose v2 and an engine new enough for it come from forky; they need only libc 2.34. The rest is the machine's own suite.
_engine_install() {
  apt_install "Docker Engine and Compose v2" \
    docker.io/forky docker-cli/forky docker-compose/forky docker-buildx/forky containerd runc iptables
  hash -r
  engine_find_client || die "docker is installed, but 'docker compose version' does not answer; try: /usr/bin/docker compose version"
}

_dockerd() { PATH=$PATH:/usr/sbin:/sbin type -P dockerd || true; }

# The engine outlives this shell: its own session, no terminal, and not the lock (fd 9).
_engine_start() {
  local dockerd
  dockerd=$(_dockerd)
  say "starting the Docker Engine; its log is $ENGINE_LOG"
  PATH=/usr/sbin:/usr/bin:/sbin:/bin setsid "$dockerd" </dev/null >>"$ENGINE_LOG" 2>&1 9>&- &
  local pid=$!
  disown "$pid"
  printf '%s %s\n' "$pid" "$(_start_time "$pid")" >"$ENGINE_PID_FILE"
  wait_for 180 _answers && return
  tail -n 5 "$ENGINE_LOG" >&2
  die "dockerd did not answer within 180 s; its log is $ENGINE_LOG"
}

engine_up() {
  if ! engine_answers; then
    _engine_may_install
    if [[ -z $DOCKER || -z $(_dockerd) ]]; then _engine_install; fi
    # A package's service may have started it meanwhile; that engine is then the system's, not ours.
    if [[ -d /run/systemd/system ]]; then
      wait_for 30 _answers || die "the Docker service does not answer; start it with: systemctl start docker"
    elif ! _answers >/dev/null 2>&1; then
      _engine_start
    fi
  fi
  mkdir -p "$ENGINE_BIN"
  ln -sfn "$DOCKER" "$ENGINE_BIN/docker"
}

engine_down() {
  local pid others
  if ! pid=$(engine_own_pid); then
    say "no Docker Engine of scripts/testbed runs; any other is left as it is"
    return
  fi
  # Stopping the engine would stop these too, and they are somebody else's.
  others=$("$DOCKER" ps --format '{{.Names}}' | head -n 5 | paste -sd' ' || true)
  [[ -z $others ]] || die "the Docker Engine is left running, because other containers run on it: $others; stop them, then run this again: scripts/testbed down"
  say "stopping the Docker Engine (pid $pid)"
  kill "$pid"
  wait_for 60 _is_gone "$pid" || die "dockerd (pid $pid) did not stop within 60 s; its log is $ENGINE_LOG"
  rm -f "$ENGINE_PID_FILE"
}

_is_gone() { [[ ! -d /proc/$1 ]]; }

engine_status() {
  local version owner
  engine_answers || { say "engine: down"; return 1; }
  version=$("$DOCKER" version --format 'Engine {{.Server.Version}}')
  if owner=$(engine_own_pid); then owner="pid $owner"; else owner='not started by this script'; fi
  say "engine: up ($version, Compose $("$DOCKER" compose version --short), $DOCKER, $owner)"
}

# engine_env: export lines that make the same engine the default for everyone else.
engine_env() {
  local host path=$PATH
  [[ $path == "$ENGINE_BIN":* ]] || path=$ENGINE_BIN:$path
  printf 'export PATH=%q\n' "$path"
  host=${DOCKER_HOST:-$("$DOCKER" context inspect --format '{{.Endpoints.docker.Host}}')}
  [[ $host == unix:///var/run/docker.sock ]] || printf 'export DOCKER_HOST=%q\n' "$host"
}
