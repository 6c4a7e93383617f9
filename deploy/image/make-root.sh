#!/usr/bin/env bash
# make-root.sh GYR RULES FOLDER: the contents of the image, below FOLDER: the program stripped, its libraries with their
# licences, its rules, an empty /etc for configuration.
set -euo pipefail
[ $# = 3 ] || { echo "usage: make-root.sh GYR RULES FOLDER" >&2; exit 2; }
gyr=$1 rules=$2 root=$3
rm -rf "$root"
mkdir -p "$root"/{usr/bin,usr/share/gyr/rules,etc/gyr/rules.d,etc/gyr/conf.d,etc/gyr/config,etc/ssl/certs,var/lib/gyr,run/gyr,tmp,host,proc,sys,dev}
chmod 1777 "$root/tmp"
strip -o "$root/usr/bin/gyr" "$gyr"
cp "$rules"/*.yaml "$root/usr/share/gyr/rules/"
# Each library at the path the loader looks for, as a file of its own.
mapfile -t libraries < <(ldd "$gyr" | grep -o '/[^ ]*' | sort -u)
for library in "${libraries[@]}"; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
# Packages know a file by the path it had before or after /lib became a link to /usr/lib. One question for all: each
# reads every package's list.
mapfile -t files < <(readlink -f "${libraries[@]}" | sed -E 'p; s#^/usr##' | sort -u)
{ dpkg -S "${files[@]}" 2>/dev/null || true; } | cut -d: -f1 | sort -u | while read -r package; do
  [ -f "/usr/share/doc/$package/copyright" ] || continue
  mkdir -p "$root/usr/share/doc/$package"
  cp "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/"
done
[ ! -f /etc/ssl/certs/ca-certificates.crt ] || cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
printf 'root:x:0:0:root:/:/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\n' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
