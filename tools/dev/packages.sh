# Debian packages: finds which of tools/dev/packages.txt are missing and installs them. Sourced by ./dev.

# packages_of GROUP...: the package names of these groups.
packages_of() {
    awk -v wanted=" $* " '/^\[/ { group = substr($0, 2, length($0) - 2); next }
                          /^[^#]/ && index(wanted, " " group " ")' "$top/tools/dev/packages.txt" | sort -u
}

# missing_packages GROUP...: those not installed, as dpkg knows it (some 20 ms, so no stamp is needed).
missing_packages() {
    local wanted
    wanted=$(packages_of "$@")
    # shellcheck disable=SC2086
    { dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null || true; } |
        awk '$1 == "installed" { print $2 }' | sort -u | comm -13 - <(printf '%s\n' "$wanted")
}

# apt COMMAND...: apt-get without questions that waits while another apt holds a lock.
apt() {
    local log=$1 tries=0 from
    shift
    while :; do
        from=$(($(wc -c <"$log") + 1))
        if DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a apt-get -y -o DPkg::Lock::Timeout=600 \
            -o Dpkg::Use-Pty=0 "$@" >>"$log" 2>&1 </dev/null; then
            return 0
        fi
        # The lock on the package lists is not covered by the option above.
        tail -c +"$from" "$log" | grep -qE 'Could not get lock|Unable to lock' || return 1
        tries=$((tries + 1))
        [ "$tries" -le 120 ] || return 1
        [ "$tries" -gt 1 ] || step_progress "another apt holds the lock, waiting"
        sleep 5
    done
}

# need_packages GROUP...: installs what is missing, or says what to do.
need_packages() {
    local missing log
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "not a Debian system: the packages of tools/dev/packages.txt must be there already"
        return 0
    fi
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086
    set -- $missing
    if ! is_root; then
        die "$# packages are missing and installing them needs root: sudo apt-get install $*"
    fi
    log=$(new_log packages)
    step_begin "Packages: reading the lists"
    apt "$log" update || { step_failed "$log"; return 1; }
    step_end "done"
    step_begin "Packages: installing $# ($(printf '%s ' "$@" | cut -c1-60 | sed 's/ $//')$([ $# -gt 5 ] && echo ' ...'))"
    apt "$log" install --no-install-recommends "$@" || { step_failed "$log"; return 1; }
    step_end "done"
}
