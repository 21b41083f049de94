#!/usr/bin/env bash
#
# fetch.sh SUITE FOLDER: unpacks Debian's nats-server of a suite (forky, sid …; `own`: this machine's) into a
# folder, without installing it. A mirror is taken from this machine's own sources of packages.
#
# bookworm and trixie have versions that a cluster refuses; the one of forky runs on them, too: it needs nothing
# but libc6 of 2.34 or later.

set -euo pipefail
suite=$1 folder=$2

command -v apt-get >/dev/null || { echo "apt-get cannot be run" >&2; exit 3; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
options=(-qq -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root
  -o APT::Update::Error-Mode=any)

if [[ $suite != own ]]; then
  uri=$({
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '/^URIs:/ {print $2}'
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
      awk '/^deb / {for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) {print $i; break}}'
  } | grep -E '/debian/?$' | head -n 1 || true)
  [[ -n $uri ]] || { echo "this machine gets no packages from Debian" >&2; exit 3; }
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$keys] $uri $suite main" >"$work/sources.list"
  options+=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null)
fi

apt-get "${options[@]}" update >&2 || { echo "the servers of Debian cannot be reached" >&2; exit 3; }
cd "$work"
apt-get "${options[@]}" download nats-server >&2
dpkg -x nats-server_*.deb unpacked
# All at once: somebody else may do the same at the same time.
mkdir -p "$(dirname "$folder")"
mv -T unpacked "$folder" 2>/dev/null || [[ -x $folder/usr/sbin/nats-server ]]
