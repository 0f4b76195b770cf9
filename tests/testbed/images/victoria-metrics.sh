# VictoriaMetrics, laid out like victoriametrics/victoria-metrics: a real receiver of remote write.
# shellcheck shell=bash disable=SC2034

recipe_packages=(victoria-metrics/forky)
recipe_version_of=victoria-metrics
recipe_changes=(
  'EXPOSE 8428'
  'ENTRYPOINT ["/victoria-metrics-prod"]'
)

recipe_layout() { ln -s usr/bin/victoria-metrics "$1/victoria-metrics-prod"; mkdir "$1/victoria-metrics-data"; }
