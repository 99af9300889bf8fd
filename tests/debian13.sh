#!/usr/bin/env bash
# Unpacks programs of Debian 13 into artifacts/debian13, without installing them, whatever Debian this is: peers that the
# tests and ./bench start themselves. Uses the machine's own package source.
#   tests/debian13.sh PACKAGE...
set -euo pipefail
home=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
into=$home/artifacts/debian13
state=$into/.apt
missing=()
for package in "$@"; do
    [[ -e $into/.unpacked/$package ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

mkdir -p "$into/.unpacked" "$state/lists/partial" "$state/cache/archives/partial"
source=$(apt-get indextargets --format '$(REPO_URI)|$(ORIGIN)|$(LABEL)|$(CODENAME)' 'Created-By: Packages' |
    awk -F '|' '$2 == "Debian" && $3 == "Debian" && $4 !~ /-/ { print $1; exit }')
[[ -n $source ]] || { echo "debian13: apt knows no Debian package source; run apt-get update" >&2; exit 1; }
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $source trixie main" >"$state/sources.list"
apt() {
    apt-get -qq -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$state/lists" \
        -o Dir::Cache="$state/cache" -o APT::Sandbox::User=root "$@"
}
apt update
for package in "${missing[@]}"; do
    work=$(mktemp -d "$into/.apt/XXXXXX")
    (cd "$work" && apt download "$package")
    dpkg-deb -x "$work"/*.deb "$into"
    rm -r "$work"
    touch "$into/.unpacked/$package"
done
