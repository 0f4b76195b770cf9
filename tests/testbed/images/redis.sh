# Redis, laid out like the official image: root starts it, user redis runs it, other containers may connect.
# shellcheck shell=bash disable=SC2034

recipe_packages=(redis-server redis-tools)
recipe_version_of=redis-server
recipe_users=('redis:x:999:1000:redis:/home:/bin/sh')
recipe_owned=(data:999:1000)
recipe_changes=(
  'EXPOSE 6379'
  'VOLUME /data'
  'WORKDIR /data'
  'ENTRYPOINT ["docker-entrypoint.sh"]'
  'CMD ["redis-server"]'
)

recipe_layout() {
  local root=$1
  mkdir "$root/data"
  mkdir -p "$root/usr/local/bin"
  cat >"$root/usr/local/bin/docker-entrypoint.sh" <<'EOF'
#!/bin/sh
set -e
case "$1" in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ]; then
  # The official image is built without protected mode, which would refuse other containers.
  [ $# -gt 1 ] || set -- "$@" --protected-mode no
  if [ "$(id -u)" = 0 ]; then
    find . \! -user redis -exec chown redis '{}' +
    exec su -s /bin/sh -c 'exec "$0" "$@"' -- redis "$@"
  fi
fi
exec "$@"
EOF
  chmod 755 "$root/usr/local/bin/docker-entrypoint.sh"
}
