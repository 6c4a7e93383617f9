#!/usr/bin/env bash
# unit.sh [UNIT]: systemd itself looks at the unit, and at how much of the system it leaves open (0 nothing, 10 all).
set -euo pipefail
unit=${1:-$(dirname "$0")/../../deploy/systemd/gyr.service}
command -v systemd-analyze >/dev/null || { echo "skipped: no systemd-analyze"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# On a host that has systemd and not the program.
sed 's#^ExecStart=/usr/bin/gyr#ExecStart=/bin/true#' "$unit" >"$work/gyr.service"
complaints=$(systemd-analyze verify "$work/gyr.service" 2>&1) || { echo "FAIL: the unit is not good: $complaints"; exit 1; }
[ -z "$complaints" ] || { echo "FAIL: $complaints"; exit 1; }
# 3.3 by systemd 252.
systemd-analyze --offline=yes --threshold=35 security "$work/gyr.service" >"$work/exposure" || {
  cat "$work/exposure"
  echo "FAIL: the unit leaves too much open"
  exit 1
}
tail -1 "$work/exposure"
