# Real TSDB data, and the way into a named volume.
# shellcheck shell=bash

# The blocks are made by promtool, which the Prometheus image holds.
data_make() {
  if ! command -v promtool >/dev/null; then
    [[ " $* " == *" --help "* ]] || engine_require
  fi
  MONOPS_TESTBED_CACHE=$TESTBED_CACHE MONOPS_TESTBED_DOCKER=${DOCKER:-docker} PROMETHEUS_IMAGE=$PROMETHEUS_IMAGE \
    python3 "$TESTBED_DIR/tsdb_data.py" "$@"
}

# Through a container that is made and never started: no shell in it, no helper image, and any engine will do.
data_load() {
  local dir=${1:-} volume=${2:-} owner=${3:-65534:65534} container
  [[ -d $dir && -n $volume ]] || die "usage: scripts/testbed load DIR VOLUME [UID:GID]; '$dir' is no folder, or the volume's name is missing"
  engine_require
  container=$("$DOCKER" create --name "monops-testbed-load-$$" --label "$TESTBED_LABEL" --network none --volume "$volume:/prometheus" "$PROMETHEUS_IMAGE") \
    || die "no container could be made from $PROMETHEUS_IMAGE; run: scripts/testbed up"
  # shellcheck disable=SC2064  # the container as it is now
  trap "'$DOCKER' rm -f '$container' >/dev/null" EXIT
  tar -C "$dir" --numeric-owner --owner="${owner%:*}" --group="${owner#*:}" -cf - . | "$DOCKER" cp - "$container:/prometheus" >/dev/null
  say "loaded $(du -sh "$dir" | cut -f1) into volume $volume"
}
