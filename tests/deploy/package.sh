#!/usr/bin/env bash
# package.sh BUILD: makes the Debian package of a build folder, lets lintian look at it, and installs, uses and removes it
# in a fresh Debian. The unit is looked at by systemd-analyze. Needs root, debootstrap, lintian and a Debian mirror: only
# by `./dev test --kubernetes`.
set -euo pipefail
build=$(realpath "$1") top=$(realpath "$(dirname "$0")/../..")
for tool in debootstrap lintian cpack systemd-analyze; do
  command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "skipped: needs root"; exit 77; }
work=$(mktemp -d /var/tmp/gyr-package.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
fail() { echo "FAIL: $*"; exit 1; }

(cd "$work" && cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work" >"$work/cpack.log" 2>&1) || { tail -20 "$work/cpack.log"; fail cpack; }
deb=$(ls "$work"/gyr_*.deb)
echo "$(basename "$deb"): $(($(stat -c %s "$deb") / 1024)) KiB"
dpkg-deb -c "$deb" | awk '{print $1, $2, $6}'
# No errors; what it warns of is shown.
lintian --allow-root --fail-on error "$deb" || fail "lintian finds errors"

debootstrap --variant=minbase bookworm "$work/root" >"$work/debootstrap.log" 2>&1 || { tail -5 "$work/debootstrap.log"; fail debootstrap; }
for file in /etc/apt/sources.list /etc/apt/apt.conf.d/*; do
  case $file in *proxy* | */sources.list) [ ! -f "$file" ] || cp -L "$file" "$work/root$file" ;; esac
done
cp "$deb" "$work/root/tmp/gyr.deb"
inside() { chroot "$work/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
inside apt-get update >"$work/apt.log" 2>&1 || true
inside apt-get install -y --no-install-recommends /tmp/gyr.deb >>"$work/apt.log" 2>&1 || { tail -5 "$work/apt.log"; fail "it does not install"; }
inside gyr version || fail "the program does not start"
inside gyr rules check /usr/share/gyr/rules >"$work/rules.txt" || { tail -5 "$work/rules.txt"; fail "the rules that ship do not load"; }
inside gyr demo >/dev/null || fail "the demo does not run"
inside gyr config check -c /etc/gyr/gyr.yaml >/dev/null || fail "the configuration that ships is not good"
[ -f "$work/root/lib/systemd/system/gyr.service" ] || fail "no unit"
"$top/tests/deploy/unit.sh" "$work/root/lib/systemd/system/gyr.service" || fail "the unit"
inside apt-get purge -y gyr >>"$work/apt.log" 2>&1 || fail "it cannot be removed"
for left in /usr/bin/gyr /etc/gyr/gyr.yaml /var/lib/gyr; do [ ! -e "$work/root$left" ] || fail "$left is left"; done
echo "package: fine"
