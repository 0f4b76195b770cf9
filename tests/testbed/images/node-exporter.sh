# The node exporter, laid out like prom/node-exporter.
# shellcheck shell=bash disable=SC2034

recipe_packages=(prometheus-node-exporter/forky)
recipe_version_of=prometheus-node-exporter
recipe_changes=('USER nobody' 'EXPOSE 9100' 'ENTRYPOINT ["/bin/node_exporter"]')

# Debian's build looks for text files in this folder by default.
recipe_layout() {
  mv "$1/usr/bin/prometheus-node-exporter" "$1/usr/bin/node_exporter"
  mkdir -p "$1/var/lib/prometheus/node-exporter"
}
