# Alertmanager, laid out like prom/alertmanager.
# shellcheck shell=bash disable=SC2034

recipe_packages=(prometheus-alertmanager/forky)
recipe_version_of=prometheus-alertmanager
recipe_owned=(alertmanager:65534:65534)
recipe_changes=(
  'USER nobody'
  'EXPOSE 9093'
  'VOLUME /alertmanager'
  'WORKDIR /alertmanager'
  'ENTRYPOINT ["/bin/alertmanager"]'
  'CMD ["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"]'
)

# Debian's build reads its default templates from /usr/share/prometheus/alertmanager and does not start without them.
recipe_layout() {
  local root=$1
  mkdir -m 775 "$root/alertmanager"
  mkdir -p "$root/etc/alertmanager"
  mv "$root/usr/bin/prometheus-alertmanager" "$root/usr/bin/alertmanager"
  [[ -e $root/etc/alertmanager/alertmanager.yml ]] || cp "$root/etc/prometheus/alertmanager.yml" "$root/etc/alertmanager/alertmanager.yml"
}
