# ./dev test: builds and runs what is asked for, and closes with "N passed, N failed". Sourced by ./dev.
#
# Tests are told apart by CTest labels: unit (no root, seconds), house (layers, format, documents), kernel (loads BPF),
# e2e (real containers), kubernetes (the node that GYR_CLUSTER names; only when asked for). The last three need root and
# run one at a time, except those that nothing disturbs, which go two at a time.

test_results=() test_trouble=0
# What clang's sanitizers turn addresses into lines with.
symbolizer=/usr/bin/llvm-symbolizer-19

# run_tests BUILD LABELS FILTER: one ctest run; its results go to build/log/ctest-BUILD-LABELS.xml. What fails is run
# once more, alone, into ctest-BUILD-LABELS-again.xml; the summary tells both.
run_tests() {
    local build=$1 labels=$2 filter=$3 name log results again jobs failed
    name=ctest-$build-${labels//|/-}
    results=$log_dir/$name.xml again=$log_dir/$name-again.xml
    log=$(new_log "$name")
    rm -f -- "$results" "$again"
    jobs=$(nproc)
    case "$labels" in *kernel* | *e2e* | *kubernetes*) jobs=2 ;; esac # cmake/LiveTest.cmake: which go together
    step_begin "Testing $build ($(printf '%s' "$labels" | sed 's/|/, /g'))"
    local trouble=0
    call_ctest "$build" "$labels" "$filter" "$jobs" "$results" "$log" || trouble=1
    if [ ! -s "$results" ] || ! grep -q '<testcase' "$results"; then
        # With a filter it is enough that one build or kind of test has something that matches.
        if [ -z "$filter" ]; then
            test_trouble=1
            step_failed "$log"
        else
            step_end "no test matches"
        fi
        return 0
    fi
    test_results+=("$results")
    step_end "$(grep -E 'tests passed' "$log" | tail -n 1)"
    if [ "$trouble" -ne 0 ]; then
        failed=$(python3 tools/dev/summary.py --failed "$results")
        if [ -n "$failed" ]; then
            trouble=0
            step_begin "Testing again what failed"
            call_ctest "$build" "$labels" "^($failed)\$" 1 "$again" "$log" || trouble=1
            step_end "$(grep -E 'tests passed' "$log" | tail -n 1)"
        fi
    fi
    [ "$trouble" -eq 0 ] || test_trouble=1
}

call_ctest() { # BUILD LABELS FILTER JOBS RESULTS LOG
    local wrapper=() only=()
    [ -z "$3" ] || only=(-R "$3")
    # ThreadSanitizer of GCC 12 does not know the address layout that newer kernels randomise over.
    if [ "$1" = tsan ] && setarch "$(uname -m)" -R true 2>/dev/null; then wrapper=(setarch "$(uname -m)" -R); fi
    GYR_BINARY=$top/build/$1/src/app/gyr \
    TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1 suppressions=$top/tools/dev/tsan.supp external_symbolizer_path=$symbolizer" \
    UBSAN_OPTIONS=print_stacktrace=1:external_symbolizer_path=$symbolizer \
    ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:external_symbolizer_path=$symbolizer \
        "${wrapper[@]}" ctest --test-dir "build/$1" -L "^($2)\$" "${only[@]}" -j "$4" \
        --output-on-failure --timeout 300 --output-junit "$5" \
        --test-output-size-passed 4000000 --test-output-size-failed 4000000 </dev/null 2>&1 |
        show_tests "$6"
}

# Reads ctest's output into the log and shows where it is.
show_tests() { # LOG
    local line place name
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$1"
        on_terminal || continue
        case "$line" in
            *' Test '*'#'*)
                read -r place _ _ name _ <<<"$line"
                step_progress "$place ${name#\#*:}" ;;
        esac
    done
}

# kinds_of BUILD: the kinds of test that a build is for.
kinds_of() {
    if [ "$1" = release ]; then echo "unit house kernel e2e"; else echo unit; fi
}

# targets_of KIND...: what must be built for them.
targets_of() {
    if [ "$*" = unit ]; then echo unit_tests; else echo all; fi
}

# Tests that drive the agent mostly wait for containers: the time they leave builds what is tested after them. It gets
# no time that a test wants. Each build that is done is told in a line, and none is when one failed.
aside='' aside_log=''
build_aside() { # KINDS BUILD...
    local kinds=$1
    shift
    aside_log=$(new_log build-aside)
    exec {aside}< <(
        chrt --idle --pid 0 "$BASHPID" >>"$aside_log" 2>&1 || true
        for build in "$@"; do
            # shellcheck disable=SC2046,SC2086
            build_tree "$build" $(targets_of ${kinds:-$(kinds_of "$build")}) >>"$aside_log" 2>&1 || exit 1
            echo "$build"
        done
    )
    trap "kill $! 2>/dev/null || true" EXIT
}

wait_for_build() { # BUILD
    local built
    step_begin "Waiting for the build $1"
    if read -r built <&"$aside" && [ "$built" = "$1" ]; then
        step_end "$(grep -E "^Building $1: " "$aside_log" | sed 's/^[^:]*: //')"
    else
        step_failed "$aside_log"
        return 1
    fi
}

# test_build BUILD KINDS FILTER: those that need root run one at a time, after the others.
test_build() {
    local build=$1 filter=$3 kind free='' rooted=''
    for kind in $2; do
        case "$kind" in
            unit | house) free="${free:+$free|}$kind" ;;
            *) rooted="${rooted:+$rooted|}$kind" ;;
        esac
    done
    [ -z "$free" ] || run_tests "$build" "$free" "$filter"
    [ -n "$rooted" ] || return 0
    if is_root; then
        run_tests "$build" "$rooted" "$filter"
    else
        say "not run: the $(printf '%s' "$rooted" | sed 's/|/ and /g') tests need root (sudo ./dev test)"
    fi
}

cmd_test() {
    local filter= builds=() kinds='' argument build
    for argument in "$@"; do
        case "$argument" in
            --asan | --tsan | --release) builds+=("${argument#--}") ;;
            --unit | --house | --kernel | --e2e | --kubernetes) kinds="${kinds:+$kinds }${argument#--}" ;;
            --evasions) export GYR_EVASIONS=all; kinds=e2e filter='^e2e_(evasions|evasions_by_call|simulate)$' ;;
            --all) builds=(release asan tsan) ;;
            -*) die "test does not know $argument; see ./dev help" ;;
            *) filter=${filter:+$filter|}$argument ;;
        esac
    done
    case " $kinds " in
        *" kubernetes "*) need_packages build test kubernetes ;;
        *) need_packages build test ;;
    esac
    if [ "${#builds[@]}" -eq 0 ]; then
        builds=(release)
        [ -n "$kinds$filter" ] || builds=(release asan tsan)
    fi

    build=${builds[0]}
    if [ "${#builds[@]}" -gt 1 ] && [ "$build" = release ] && [ -z "$kinds" ] && is_root; then
        # The live tests begin as soon as what they need is there; all else is built beside them.
        build_tree release live_tests
        keep_release_binary
        build_aside "$kinds" "${builds[@]}"
        test_build release "kernel e2e" "$filter"
        wait_for_build release
        test_build release "unit house" "$filter"
    else
        # shellcheck disable=SC2046,SC2086
        build_tree "$build" $(targets_of ${kinds:-$(kinds_of "$build")})
        [ "$build" != release ] || [ "$kinds" = unit ] || keep_release_binary
        [ "${#builds[@]}" -eq 1 ] || build_aside "$kinds" "${builds[@]:1}"
        test_build "$build" "${kinds:-$(kinds_of "$build")}" "$filter"
    fi
    for build in "${builds[@]:1}"; do
        wait_for_build "$build"
        test_build "$build" "${kinds:-$(kinds_of "$build")}" "$filter"
    done

    if is_root && [ "$owner" != root ]; then
        chown -R --reference="$top" build/log build/*/Testing 2>/dev/null || true
    fi
    local trouble=0
    python3 tools/dev/summary.py "${test_results[@]}" || trouble=1
    [ "$test_trouble" -eq 0 ] && [ "$trouble" -eq 0 ]
}
