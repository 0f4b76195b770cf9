# Images under their official names: pulled where a registry answers, else built from Debian packages.
# A recipe in images/NAME.sh says what goes into one; build.sh makes it.
# shellcheck shell=bash disable=SC2034,SC2154,SC2016  # recipes read and set the rest; Go templates are no shell

# shellcheck source=tests/testbed/images.env
. "$TESTBED_DIR/images.env"

TESTBED_FAKES=${MONOPS_TESTBED_FAKES:-$TESTBED_ROOT/tests/fakes}
# REFERENCE RECIPE OFFICIAL: OFFICIAL is what to pull, '-' for what is always built.
IMAGES=(
  "$PROMETHEUS_IMAGE prometheus $PROMETHEUS_IMAGE"
  "$ALERTMANAGER_IMAGE alertmanager $ALERTMANAGER_IMAGE"
  "$NODE_EXPORTER_IMAGE node-exporter $NODE_EXPORTER_IMAGE"
  "$REDIS_IMAGE redis $REDIS_IMAGE"
  "$REDIS_EXPORTER_IMAGE redis-exporter $REDIS_EXPORTER_IMAGE"
  "$VICTORIA_METRICS_IMAGE victoria-metrics $VICTORIA_METRICS_IMAGE"
  "$VMALERT_IMAGE vmalert $VMALERT_IMAGE"
  "$SAMPLE_APP_IMAGE python $SAMPLE_APP_IMAGE"
  "$GRAFANA_IMAGE grafana $GRAFANA_OFFICIAL_IMAGE"
  "$CADVISOR_IMAGE cadvisor $CADVISOR_OFFICIAL_IMAGE"
  "$S3_IMAGE radosgw -"
)

# Asked once, and only when an image is missing: without a registry this must not cost a second `up` anything.
_registry_answers() {
  if [[ -z ${REGISTRY_ANSWERS:-} ]]; then
    REGISTRY_ANSWERS=no
    if [[ ${MONOPS_TESTBED_PULL:-auto} != never ]] && timeout 5 "$DOCKER" manifest inspect "$PROMETHEUS_IMAGE" >/dev/null 2>&1; then
      REGISTRY_ANSWERS=yes
    fi
    say "image registry answers: $REGISTRY_ANSWERS"
  fi
  [[ $REGISTRY_ANSWERS == yes ]]
}

# IMAGES_HAVE[reference]: the recipe that an image here was built by, 'official' for one that was pulled.
declare -A IMAGES_HAVE

# One question for all images: each call of the client costs a tenth of a second.
_images_look() {
  local entry tag recipe tags
  local references=()
  for entry in "${IMAGES[@]}"; do
    read -r -a tags <<<"$entry"
    references+=("${tags[0]}" "${tags[2]/#-/${tags[0]}}")
  done
  IMAGES_HAVE=()
  while read -r recipe tags; do
    for tag in $tags; do IMAGES_HAVE[$tag]=$recipe; done
  done < <("$DOCKER" image inspect "${references[@]}" 2>/dev/null --format \
    '{{$r := "official"}}{{with .Config.Labels}}{{with index . "monops.recipe"}}{{$r = .}}{{end}}{{end}}{{$r}}{{range .RepoTags}} {{.}}{{end}}')
}

# _image_up REFERENCE RECIPE OFFICIAL: there and up to date, by the first way that works.
_image_up() {
  local reference=$1 recipe=$2 official=$3 have fingerprint kind=image
  have=${IMAGES_HAVE[$reference]:-}
  [[ $have != official ]] || return 0
  load_recipe "$recipe"
  if [[ $recipe_stand_in == yes ]]; then
    kind=stand-in
    [[ -z ${IMAGES_HAVE[$official]:-} ]] || return 0
  fi
  fingerprint=$(recipe_fingerprint "$recipe") || die "the $recipe $kind lacks a file that goes into it; see tests/testbed/images/$recipe.sh"
  [[ $have != "$fingerprint" ]] || return 0
  if [[ $official != - ]] && _registry_answers && timeout 600 "$DOCKER" pull -q "$official" >/dev/null; then
    say "pulled $official"
    return 0
  fi
  say "building the $kind $reference from Debian packages"
  # In a shell of its own, so that its clean-up stays in it; in the background, because left of `||` bash would not stop at an error.
  image_build "$reference" "$fingerprint" &
  wait $! || die "building $reference failed; the lines above say why"
}

# _wanted RECIPE: the S3 server's image is the largest, and a stack alone does without it.
_wanted() { [[ $1 != radosgw || -z ${WITHOUT_S3:-} ]]; }

images_up() {
  local reference recipe official entry
  _images_look
  for entry in "${IMAGES[@]}"; do
    read -r reference recipe official <<<"$entry"
    _wanted "$recipe" || continue
    _image_up "$reference" "$recipe" "$official"
  done
}

images_status() {
  local entry reference recipe official have wanted=0
  local missing=() stand_ins=()
  _images_look
  for entry in "${IMAGES[@]}"; do
    read -r reference recipe official <<<"$entry"
    _wanted "$recipe" || continue
    have=${IMAGES_HAVE[$reference]:-}
    wanted=$((wanted + 1))
    if [[ $reference != "$official" && $official != - ]]; then
      [[ -z ${IMAGES_HAVE[$official]:-} ]] || continue
      stand_ins+=("$reference")
    fi
    [[ -n $have ]] || missing+=("$reference")
  done
  if ((${#missing[@]})); then say "images: missing ${missing[*]}"; return 1; fi
  say "images: up ($wanted; stand-ins: ${stand_ins[*]:-none})"
}

# images_env: what Grafana and cAdvisor are here. Where an official image is there, it takes its stand-in's place.
images_env() {
  _images_look
  [[ -z ${IMAGES_HAVE[$GRAFANA_OFFICIAL_IMAGE]:-} ]] || GRAFANA_IMAGE=$GRAFANA_OFFICIAL_IMAGE
  [[ -z ${IMAGES_HAVE[$CADVISOR_OFFICIAL_IMAGE]:-} ]] || CADVISOR_IMAGE=$CADVISOR_OFFICIAL_IMAGE
  printf 'export GRAFANA_IMAGE=%q\nexport CADVISOR_IMAGE=%q\n' "$GRAFANA_IMAGE" "$CADVISOR_IMAGE"
}
