#!/bin/sh
# Inside the S3 image: makes the test user, then becomes the gateway. Needs S3_ACCESS_KEY, S3_SECRET_KEY and S3_PORT.
set -eu

cat >/etc/ceph/ceph.conf <<EOF
[global]
fsid = 00000000-0000-0000-0000-000000000001
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
mon_host = 127.0.0.1
EOF

alone='--no-mon-config -n client.rgw --rgw-backend-store=dbstore --rgw-config-store=dbstore'

# Now and then radosgw-admin does its work and then hangs at its end: its output counts, not its exit code.
# shellcheck disable=SC2086  # $alone is several words
has_user() { timeout 5 radosgw-admin $alone user info --uid=monops-test 2>/dev/null | grep -q '"access_key"'; }

# The gateway is not up yet, so nothing else holds the SQLite files.
tries=0
until has_user; do
  tries=$((tries + 1))
  [ "$tries" -le 5 ] || { echo 'the test user could not be made' >&2; exit 1; }
  # shellcheck disable=SC2086
  timeout 5 radosgw-admin $alone user create --uid=monops-test --display-name='monops test' \
    --access-key="$S3_ACCESS_KEY" --secret-key="$S3_SECRET_KEY" >/dev/null 2>&1 || true
done

# shellcheck disable=SC2086
exec radosgw $alone -f --log-to-stderr=true --log-to-file=false --debug-rgw=1 --rgw_frontends="beast port=$S3_PORT"
