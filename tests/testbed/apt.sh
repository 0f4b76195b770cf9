# Two private views of Debian's archive. Neither leaves anything in /etc/apt.
#   host   the machine's own sources, and forky and trixie pinned so low that only what is asked for comes from there
#   image  trixie with forky behind it and nothing installed: the packages of an image with all they depend on
# shellcheck shell=bash

APT_DIR=$TESTBED_CACHE/apt
APT_EXTRA_SUITES=(forky trixie)

_apt_codename() { (. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}"); }

# The machine's own mirror, with other suites in place of its own. Prints one deb822 stanza.
_apt_stanza() {
  local codename suites=$1 file
  codename=$(_apt_codename)
  for file in /etc/apt/sources.list.d/*.sources; do
    [[ -e $file ]] || continue
    awk -v RS= -v suite="$codename" -v suites="$suites" '
      $0 !~ /(^|\n)Enabled: *no/ && $0 ~ "(^|\n)Suites:([^\n]* )?" suite "( |\n|$)" {
        sub(/Suites:[^\n]*/, "Suites: " suites); print; found = 1; exit }
      END { exit !found }' "$file" && return
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -e $file ]] || continue
    sed -E 's/\[[^]]*\] *//' "$file" | awk -v suite="$codename" -v suites="$suites" '
      $1 == "deb" && $3 == suite { print "Types: deb\nURIs: " $2 "\nSuites: " suites "\nComponents: main"; found = 1; exit }
      END { exit !found }' && return
  done
  die "no Debian source for '$codename' in /etc/apt/sources.list or /etc/apt/sources.list.d; add one and run this again"
}

_apt_pin() { printf 'Package: *\nPin: release n=%s\nPin-Priority: %s\n\n' "$1" "$2"; }

_apt_write_host_view() {
  local view=$APT_DIR/host codename suite file
  local wanted=()
  codename=$(_apt_codename)
  for suite in "${APT_EXTRA_SUITES[@]}"; do
    [[ $suite == "$codename" ]] || wanted+=("$suite")
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [[ ! -s $file ]] || cp "$file" "$view/sources/$(basename "${file/%sources.list/sources.list.list}")"
  done
  ((${#wanted[@]} == 0)) || _apt_stanza "${wanted[*]}" >"$view/sources/testbed.sources"
  for suite in "${wanted[@]}"; do _apt_pin "$suite" 50; done >"$view/pins/testbed"
  ln -sfn /var/lib/dpkg/status "$view/status"
}

_apt_write_image_view() {
  local view=$APT_DIR/image
  _apt_stanza "${APT_EXTRA_SUITES[*]}" >"$view/sources/testbed.sources"
  { _apt_pin trixie 500; _apt_pin forky 50; } >"$view/pins/testbed"
  : >"$view/status"
}

# The testing suite's Release file may be past its date on a mirror that lags: that is no reason to stop a test.
_apt_write_conf() {
  local view=$1
  # Not /dev/null: its time of change moves all the while, and apt would read the whole index anew each time.
  : >"$APT_DIR/empty"
  cat >"$APT_DIR/$view/apt.conf" <<EOF
Dir::Etc::SourceList "$APT_DIR/empty";
Dir::Etc::SourceParts "$APT_DIR/$view/sources";
Dir::Etc::Preferences "$APT_DIR/empty";
Dir::Etc::PreferencesParts "$APT_DIR/$view/pins";
Dir::State::Status "$APT_DIR/$view/status";
Dir::State::Lists "$APT_DIR/lists";
Dir::Cache::Archives "$APT_DIR/archives";
Dir::Cache::PkgCache "$APT_DIR/$view/pkgcache.bin";
Dir::Cache::SrcPkgCache "";
APT::Get::List-Cleanup "false";
APT::Keep-Downloaded-Packages "true";
APT::Sandbox::User "root";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "3";
DPkg::Lock::Timeout "300";
EOF
}

_apt() {
  local view=$1
  shift
  DEBIAN_FRONTEND=noninteractive apt-get -c "$APT_DIR/$view/apt.conf" -y -qq "$@"
}

# apt_refresh VIEW [now]: the archive's index, read again when it is a day old.
apt_refresh() {
  local view=$1 stamp=$APT_DIR/$1/refreshed
  local strict=()
  if [[ ${2:-} != now && -n $(find "$stamp" -mtime -1 2>/dev/null) ]]; then return; fi
  mkdir -p "$APT_DIR/$view/sources" "$APT_DIR/$view/pins" "$APT_DIR/lists/partial" "$APT_DIR/archives/partial"
  "_apt_write_${view}_view"
  _apt_write_conf "$view"
  # The host's other sources may be broken and no concern of ours; the image view has no others.
  [[ $view == host ]] || strict=(-o APT::Update::Error-Mode=any)
  run_logged "$APT_DIR/$view/update.log" "reading Debian's package index (is the network up?)" _apt "$view" "${strict[@]}" update
  touch "$stamp"
}

# apt_install WHAT PACKAGE[/SUITE]…: system packages, asked of the host view. Says so before it does so.
apt_install() {
  local what=$1
  shift
  apt_refresh host
  say "installing system packages for $what: $*"
  _apt host install --no-install-recommends "$@" >"$APT_DIR/host/install.log" 2>&1 && return
  apt_refresh host now
  run_logged "$APT_DIR/host/install.log" "installing $what" _apt host install --no-install-recommends "$@"
}

# The files that hold the packages and all they depend on: "FILE PACKAGE VERSION" lines.
_apt_closure() {
  _apt image install -s --no-install-recommends "$@" | awk -v dir="$APT_DIR/archives" '
    $1 == "Inst" {
      name = $2; version = substr($3, 2); file_version = version
      match($0, /\[[a-z0-9]+\]\)/); arch = substr($0, RSTART + 1, RLENGTH - 3)
      gsub(/:/, "%3a", file_version)
      print dir "/" name "_" file_version "_" arch ".deb", name, version }'
}

_all_there() {
  local file rest
  while read -r file rest; do [[ -e $file ]] || return 1; done <"$1"
}

# apt_fetch PACKAGE[/SUITE]…: downloads them with all they depend on, and names the file that lists them in APT_LIST.
# Working the dependencies out takes apt seconds, so the list is kept as long as the index is.
apt_fetch() {
  local log=$APT_DIR/image/fetch.log
  apt_refresh image
  APT_LIST=$APT_DIR/image/closure-$(printf '%s\n' "$@" | sha256sum | cut -c1-16)
  if [[ -s $APT_LIST && $APT_LIST -nt $APT_DIR/image/refreshed ]] && _all_there "$APT_LIST"; then return; fi
  _apt_closure "$@" >"$APT_LIST"
  if [[ -s $APT_LIST ]] && _all_there "$APT_LIST"; then return; fi
  # An index that is hours old can name a file that the mirror has replaced.
  if ! _apt image install --download-only --no-install-recommends "$@" >"$log" 2>&1; then
    apt_refresh image now
    run_logged "$log" "downloading $*" _apt image install --download-only --no-install-recommends "$@"
    _apt_closure "$@" >"$APT_LIST"
  fi
}
