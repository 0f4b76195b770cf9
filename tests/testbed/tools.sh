# Programs that tests and benchmarks compare with or unpack by.
# shellcheck shell=bash

# The page on instrumentation has TypeScript, which the tests compile and run: that takes nodejs and npm.
TOOLS=(age zstd pigz borgbackup restic nodejs npm)
# In the machine's own suite these two are old enough to have another command line or speed.
TOOLS_FROM_FORKY=(age restic)

_tool_command() {
  case $1 in
    borgbackup) printf borg ;;
    nodejs) printf node ;;
    *) printf '%s' "$1" ;;
  esac
}

tools_up() {
  local tool
  local missing=()
  for tool in "${TOOLS[@]}"; do
    command -v "$(_tool_command "$tool")" >/dev/null && continue
    [[ " ${TOOLS_FROM_FORKY[*]} " == *" $tool "* ]] && tool+=/forky
    missing+=("$tool")
  done
  ((${#missing[@]})) || { say "tools: up (${TOOLS[*]})"; return; }
  if ! is_debian || ! is_root; then
    die "missing: ${missing[*]%/forky}; install them with your package manager, or on Debian run: sudo scripts/testbed tools"
  fi
  apt_install "tests and benchmarks" "${missing[@]}"
  say "tools: up (${TOOLS[*]})"
}
