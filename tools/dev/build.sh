# Configuring and building with a progress display, ./dev run and ./dev build. Sourced by ./dev.

# Reads ninja's output ("@@ finished total text" a finished edge), keeps all of it in the log, shows how far it is.
show_progress() { # LOG
    local log=$1 line done total text start=$SECONDS shown=-1 spent left percent next=10
    while IFS= read -r line; do
        printf '%s\n' "${line#@@ }" >>"$log"
        case "$line" in '@@ '*) ;; *) continue ;; esac
        # shellcheck disable=SC2034
        read -r _ done total text <<<"$line"
        [ "$total" -gt 0 ] || continue
        percent=$((done * 100 / total))
        spent=$((SECONDS - start))
        left=$((done > 0 ? spent * (total - done) / done : 0))
        if on_terminal; then
            # Twice a second is enough for an eye; SECONDS is all bash has without a fork.
            [ "$percent" -ne "$shown" ] || continue
            shown=$percent
            step_progress "$(printf '%3d%% (%d/%d), %d:%02d left' "$percent" "$done" "$total" $((left / 60)) $((left % 60)))"
        elif [ "$spent" -ge "$next" ]; then
            next=$((spent + 15))
            step_progress "$(printf '%d%% (%d/%d), %d:%02d left' "$percent" "$done" "$total" $((left / 60)) $((left % 60)))"
        fi
    done
}

# configure PRESET: only when there is something to configure; ninja itself runs CMake again when its files change.
configure() {
    local dir=$top/build/$1
    if [ -e "$dir/build.ninja" ] && [ "$dir/build.ninja" -nt CMakePresets.json ]; then
        return 0
    fi
    run_step "configure-$1" "Configuring $1" as_owner cmake --preset "$1" -DGYR_UNITY=ON
}

# build_tree PRESET TARGET...: builds under a lock, so that two ./dev at once wait for each other.
build_tree() {
    local preset=$1 log
    shift
    configure "$preset" || return 1
    log=$(new_log "build-$preset")
    step_begin "Building $preset"
    if NINJA_STATUS='@@ %f %t ' as_owner flock -o "$top/build/.lock" \
        ninja -C "$top/build/$preset" "$@" 2>&1 </dev/null | show_progress "$log"; then
        if grep -q 'ninja: no work to do' "$log"; then step_end "nothing to do"; else step_end "done"; fi
    else
        # The errors, not the last lines that a parallel build happened to write.
        step_end "FAILED"
        { grep -nE '(error|Error|FAILED)[: ]' "$log" | head -n 40 || true
          printf 'dev: the whole log is in %s\n' "${log#"$top"/}"; } >&2
        return 1
    fi
}

keep_release_binary() {
    # Renamed into place: an agent that is running keeps the file it started from.
    if ! cmp -s build/release/src/app/gyr build/gyr; then
        as_owner cp build/release/src/app/gyr build/gyr.new
        as_owner mv -f build/gyr.new build/gyr
    fi
}

build_release_binary() {
    build_tree release gyr && keep_release_binary
}

cmd_build() {
    [ $# -eq 0 ] || die "build takes no argument"
    need_packages build
    build_release_binary
    say "the binary is build/gyr"
}

cmd_run() {
    local argument rules=(-r "$top/rules-default")
    need_packages build
    build_release_binary
    if ! is_root; then
        "$top/build/gyr" demo -r "$top/rules-default"
        printf 'dev: that was a demo; watching the host needs root: sudo ./dev run\n' >&2
        exit 3
    fi
    for argument in "$@"; do
        case "$argument" in -r* | --rules* | -c* | --config* | -h | --help) rules=() ;; esac
    done
    # Where the host refuses eBPF, what the rules say about a recorded break-in can be seen all the same; then the agent
    # says what is missing, and ends with 3.
    local able=0
    "$top/build/gyr" doctor >/dev/null 2>&1 || able=$?
    [ "$able" -ne 3 ] || "$top/build/gyr" demo -r "$top/rules-default"
    say "starting build/gyr run (Ctrl-C ends it)"
    exec "$top/build/gyr" run "${rules[@]}" "$@"
}
