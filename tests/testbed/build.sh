# How an image is built from Debian packages: unpacked, laid out by its recipe, imported. Needs no root.
# A recipe (images/NAME.sh) sets the recipe_* variables below and lays out its files in recipe_layout ROOT.
# shellcheck shell=bash disable=SC2034,SC2154  # recipes and images.sh read and set the rest

# Packages that Debian's install scripts need and a running program does not.
BUILD_LEAVE_OUT='adduser|passwd|login\.defs|debconf|base-passwd|libdebconfclient0|libpam.*|libsemanage.*|libsepol2|libaudit.*|libcap-ng0|libcrypt1|libdb5\.3.*|libbsd0|libmd0|libacl1|libattr1|libpcre2-8-0|libselinux1|gcc-.*-base|init-system-helpers|dpkg|tar|openssl|media-types|readline-common'

load_recipe() {
  recipe_packages=() recipe_changes=() recipe_users=() recipe_owned=() recipe_inputs=()
  recipe_version_of='' recipe_stand_in=no recipe_leave_out=$BUILD_LEAVE_OUT
  # shellcheck source=/dev/null
  . "$TESTBED_DIR/images/$1.sh"
}

# What an image is made of: when any of it changes, the image is built again.
recipe_fingerprint() {
  sha256sum "$TESTBED_DIR/images/$1.sh" "$TESTBED_DIR/build.sh" "${recipe_inputs[@]}" | cut -d' ' -f1 | sha256sum | cut -c1-16
}

_base_layout() {
  local root=$1 dir
  mkdir -p "$root"/{usr/{bin,sbin,lib,lib64},etc/ssl/certs,root,home,var,run,proc,sys,dev}
  mkdir -m 1777 "$root/tmp"
  for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$root/$dir"; done
  ln -s ../run "$root/var/run"
  {
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n'
    printf '%s\n' "${recipe_users[@]}"
  } >"$root/etc/passwd"
  printf 'root:x:0:\nnobody:x:65534:\n' >"$root/etc/group"
  printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
}

_unpack() {
  local root=$1 file name version
  apt_fetch busybox-static ca-certificates "${recipe_packages[@]}"
  while read -r file name version; do
    [[ $name != "$recipe_version_of" ]] || recipe_version=$version
    [[ $name =~ ^($recipe_leave_out)$ ]] || dpkg-deb --fsys-tarfile "$file" | tar -x -C "$root" --keep-directory-symlink --no-same-owner
  done <"$APT_LIST"
  rm -rf "$root"/usr/share/{doc,man,locale,lintian,bash-completion,info,doc-base} "$root"/etc/{init.d,cron.d,logrotate.d,default}
}

# What the packages' install scripts would have done.
_finish_base() {
  local root=$1 applet
  cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
  for applet in $("$root/usr/bin/busybox" --list); do
    [[ -e $root/usr/bin/$applet || -e $root/usr/sbin/$applet ]] || ln -s busybox "$root/usr/bin/$applet"
  done
}

# Files belong to root, except the folders that the recipe names "PATH:UID:GID": an image's volume takes its owner from them.
_pack() {
  local root=$1 entry path uid gid
  local excludes=()
  for entry in "${recipe_owned[@]}"; do excludes+=("--exclude=./${entry%%:*}"); done
  tar -C "$root" --numeric-owner --owner=0 --group=0 "${excludes[@]}" -cf "$root.tar" .
  for entry in "${recipe_owned[@]}"; do
    IFS=: read -r path uid gid <<<"$entry"
    tar -C "$root" --numeric-owner --owner="$uid" --group="$gid" -rf "$root.tar" "./$path"
  done
}

# image_build REFERENCE FINGERPRINT, the recipe loaded.
image_build() {
  local reference=$1 fingerprint=$2 work recipe_version='' change previous
  local changes=()
  is_debian || die "$reference cannot be pulled, and it can be built only on Debian; pull or load it, then run this again: docker pull $reference"
  work=$(mktemp -d "${TMPDIR:-/tmp}/monops-testbed.XXXXXX")
  # shellcheck disable=SC2064  # the folder's name as it is now
  trap "rm -rf '$work'" EXIT
  mkdir "$work/root"
  _base_layout "$work/root"
  _unpack "$work/root"
  _finish_base "$work/root"
  recipe_layout "$work/root"
  _pack "$work/root"
  for change in "${recipe_changes[@]}" "LABEL monops.recipe=$fingerprint" \
    "LABEL monops.debian-version=${recipe_version:-none}" "LABEL monops.stand-in=$([[ $recipe_stand_in == yes ]] && echo true || echo false)"; do
    changes+=(--change "$change")
  done
  previous=$("$DOCKER" image inspect --format '{{.Id}}' "$reference" 2>/dev/null || true)
  "$DOCKER" import "${changes[@]}" "$work/root.tar" "$reference" >/dev/null
  # The one it replaces would stay behind without a name; where a container still uses it, it stays.
  [[ -z $previous ]] || "$DOCKER" image rm "$previous" >/dev/null 2>&1 || true
  _warn_of_other_version "$reference" "$recipe_version"
}

# Debian's testing suite moves on: the pinned tag still works, but it must not be believed.
_warn_of_other_version() {
  local reference=$1 version=${2#*:} tag=${1##*:}
  [[ $recipe_stand_in == yes || $version == "${tag%%-*}"* || v$version == "${tag%%-*}"* ]] \
    || say "warning: $reference holds Debian's $version, not the version in its tag; set the tag in tests/testbed/images.env"
}
