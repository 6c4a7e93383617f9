# Steps: one line each, a log each, the tail of the log when one fails. Sourced by ./dev, which has set $top.
#
# Everything that writes below build/ runs as the owner of the source tree, so that `sudo ./dev` leaves nothing
# behind that plain ./dev could not write.

log_dir=$top/build/log
owner=$(stat -c %U "$top")
is_root() { [ "$(id -u)" -eq 0 ]; }
on_terminal() { [ -t 1 ] && [ "${TERM:-dumb}" != dumb ] && [ -z "${CI:-}" ]; }

# Runs a command as the owner of the source tree.
as_owner() {
    if is_root && [ "$owner" != root ] && [ "$owner" != UNKNOWN ]; then
        runuser -u "$owner" -- env HOME="$(getent passwd "$owner" | cut -d: -f6)" "$@"
    else
        "$@"
    fi
}

say() { printf 'dev: %s\n' "$*"; }
die() { printf 'dev: %s\n' "$*" >&2; exit 1; }

# new_log NAME: makes an empty log file, prints its path.
new_log() {
    as_owner mkdir -p "$log_dir"
    rm -f -- "$log_dir/$1.log"
    as_owner touch "$log_dir/$1.log"
    printf '%s\n' "$log_dir/$1.log"
}

# The state of the line being written: its title and when it began.
step_title= step_start=0

step_begin() {
    step_title=$1 step_start=$SECONDS
    on_terminal && printf '%s ...' "$step_title" || printf '%s ...\n' "$step_title"
}

# step_progress TEXT: on a terminal the line is written over; elsewhere it is a line of its own.
step_progress() {
    on_terminal && printf '\r\033[K%s ... %s' "$step_title" "$1" || printf '    %s\n' "$1"
}

step_end() { # TEXT
    local took=$((SECONDS - step_start))
    on_terminal && printf '\r\033[K'
    printf '%s: %s (%d s)\n' "$step_title" "$1" "$took"
}

step_failed() { # LOG
    step_end "FAILED"
    { printf -- '---- the last lines of %s ----\n' "${1#"$top"/}"; tail -n 40 -- "$1"; printf -- '----\n'; } >&2
}

# run_step NAME TITLE COMMAND...: runs a command with its output in build/log/NAME.log.
run_step() {
    local log title=$2
    log=$(new_log "$1")
    shift 2
    step_begin "$title"
    if "$@" >>"$log" 2>&1 </dev/null; then
        step_end "done"
    else
        step_failed "$log"
        return 1
    fi
}
