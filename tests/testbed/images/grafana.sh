# A STAND-IN for Grafana, which no Debian package holds: tests/fakes/grafana on Python, laid out like grafana/grafana.
# shellcheck shell=bash disable=SC2034

recipe_stand_in=yes
recipe_packages=(python3-minimal libpython3-stdlib)
recipe_version_of=python3-minimal
recipe_inputs=("$TESTBED_FAKES"/grafana/*.py)
recipe_users=('grafana:x:472:0:grafana:/usr/share/grafana:/bin/sh')
recipe_owned=(var/lib/grafana:472:0 var/log/grafana:472:0)
recipe_changes=(
  'USER 472'
  'EXPOSE 3000'
  'VOLUME /var/lib/grafana'
  'WORKDIR /usr/share/grafana'
  'ENV PYTHONUNBUFFERED=1'
  'ENV GF_PATHS_DATA=/var/lib/grafana'
  'ENV GF_PATHS_LOGS=/var/log/grafana'
  'ENV GF_PATHS_PROVISIONING=/etc/grafana/provisioning'
  'ENTRYPOINT ["/run.sh"]'
)

recipe_layout() {
  local root=$1
  mkdir -p "$root"/{var/lib/grafana,var/log/grafana,usr/share/grafana,usr/share/grafana-stand-in,etc/grafana/provisioning}
  chmod 777 "$root/var/lib/grafana"
  cp "${recipe_inputs[@]}" "$root/usr/share/grafana-stand-in/"
  printf '#!/bin/sh\nexec python3 /usr/share/grafana-stand-in/server.py "$@"\n' >"$root/run.sh"
  chmod 755 "$root/run.sh"
}
