# Prometheus, laid out like prom/prometheus.
# shellcheck shell=bash disable=SC2034

recipe_packages=(prometheus/forky promtool/forky)
recipe_version_of=prometheus
recipe_owned=(prometheus:65534:65534)
recipe_changes=(
  'USER nobody'
  'EXPOSE 9090'
  'VOLUME /prometheus'
  'WORKDIR /prometheus'
  'ENTRYPOINT ["/bin/prometheus"]'
  'CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]'
)

recipe_layout() { mkdir -m 775 "$1/prometheus"; }
