# A STAND-IN for cAdvisor, which no Debian package holds: tests/fakes/cadvisor on Python, laid out like google/cadvisor.
# shellcheck shell=bash disable=SC2034,SC2016

recipe_stand_in=yes
recipe_packages=(python3-minimal libpython3-stdlib)
recipe_version_of=python3-minimal
recipe_inputs=("$TESTBED_FAKES"/cadvisor/*.py)
recipe_changes=(
  'EXPOSE 8080'
  'ENV PYTHONUNBUFFERED=1'
  'ENV CADVISOR_HEALTHCHECK_URL=http://localhost:8080/healthz'
  'HEALTHCHECK --interval=30s --timeout=3s CMD wget --quiet --tries=1 --spider $CADVISOR_HEALTHCHECK_URL || exit 1'
  'ENTRYPOINT ["/usr/bin/cadvisor"]'
)

recipe_layout() {
  local root=$1
  mkdir -p "$root/usr/share/cadvisor-stand-in"
  cp "${recipe_inputs[@]}" "$root/usr/share/cadvisor-stand-in/"
  printf '#!/bin/sh\nexec python3 /usr/share/cadvisor-stand-in/server.py "$@"\n' >"$root/usr/bin/cadvisor"
  chmod 755 "$root/usr/bin/cadvisor"
}
