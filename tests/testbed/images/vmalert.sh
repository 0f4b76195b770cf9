# vmalert, laid out like victoriametrics/vmalert: evaluates rules on VictoriaMetrics.
# shellcheck shell=bash disable=SC2034

recipe_packages=(victoria-metrics/forky)
recipe_version_of=victoria-metrics
recipe_changes=(
  'EXPOSE 8880'
  'ENTRYPOINT ["/vmalert-prod"]'
)

recipe_layout() { ln -s usr/bin/vmalert "$1/vmalert-prod"; rm "$1"/usr/bin/{victoria-metrics,vmagent,vmalert-tool,vmauth,vmbackup,vmctl,vmrestore}; }
