# A real S3 server: Ceph's RADOS Gateway alone, on its SQLite backend, without a cluster.
# shellcheck shell=bash disable=SC2034

recipe_packages=(radosgw ceph-common)
recipe_version_of=radosgw
# Its libraries reach far; only what is certainly no library is left out.
recipe_leave_out='adduser|passwd|login\.defs|debconf|base-passwd|libpam.*|dpkg|tar|openssl|python3.*|libpython3.*|libbabeltrace1|dmsetup|media-types|readline-common|netbase'
recipe_inputs=("$TESTBED_DIR/images/radosgw-start.sh")
recipe_changes=(
  'EXPOSE 9901'
  'VOLUME /var/lib/ceph/radosgw'
  'ENTRYPOINT ["/start.sh"]'
)

recipe_layout() {
  local root=$1
  mkdir -p "$root"/{etc/ceph,var/lib/ceph/radosgw,var/lib/ceph/crash,var/log/ceph,run/ceph}
  install -m 755 "${recipe_inputs[0]}" "$root/start.sh"
  rm -rf "$root"/usr/bin/{rbd*,ceph-*,rados,radosgw-*tool*,cephfs-*} "$root"/usr/lib/python3*
}
