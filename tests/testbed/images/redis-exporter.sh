# The redis exporter, laid out like oliver006/redis_exporter's alpine flavour: the plain one has no shell for a health check.
# shellcheck shell=bash disable=SC2034

recipe_packages=(prometheus-redis-exporter/forky)
recipe_version_of=prometheus-redis-exporter
recipe_users=('redis_exporter:x:59000:59000:redis_exporter:/:/bin/false')
recipe_changes=('USER 59000:59000' 'EXPOSE 9121' 'ENTRYPOINT ["/redis_exporter"]')

recipe_layout() { mv "$1/usr/bin/prometheus-redis-exporter" "$1/redis_exporter"; }
