# ./dev docs, fmt, lint, bench and fuzz. Sourced by ./dev.

# source_files PATTERN...: files of the project as git knows them (new ones too), NUL-separated.
source_files() {
    git ls-files -z --cached --others --exclude-standard -- "$@" |
        while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done
}

cmd_fmt() {
    local log
    need_packages lint
    if [ "${1:-}" = --check ]; then
        # Every file once; clang-format names each place that differs.
        log=$(new_log fmt)
        if source_files '*.h' '*.c' '*.cpp' | xargs -0 -r -P "$(nproc)" -n 16 clang-format --dry-run --Werror 2>"$log"; then
            say "every file is formatted"
        else
            grep -oE '^[^: ]+:[0-9]+:[0-9]+' "$log" | cut -d: -f1 | sort | uniq -c >&2 || true
            die "these files are not formatted (places, file); ./dev fmt does it"
        fi
    else
        source_files '*.h' '*.c' '*.cpp' | as_owner xargs -0 -r -P "$(nproc)" -n 16 clang-format -i
        say "formatted; git diff shows what changed"
    fi
}

cmd_docs() {
    need_packages build
    build_release_binary
    as_owner python3 tests/docs/check_generated.py --write docs/fields.md build/gyr list fields --format markdown
    as_owner python3 tests/docs/check_generated.py --write docs/coverage.md build/gyr list coverage --format markdown
    as_owner python3 tests/docs/check_generated.py --write docs/default-rules.md \
        python3 tools/default_rules_page.py build/gyr rules-default
    say "wrote docs/fields.md, docs/coverage.md and docs/default-rules.md"
}

cmd_lint() {
    local files=() log
    need_packages build lint
    build_tree release all
    case "${1:-}" in
        --all) ;;
        '') mapfile -t files < <({ git diff --name-only --diff-filter=d main -- '*.cpp'
                                   git ls-files --others --exclude-standard -- '*.cpp'; } | sort -u)
            [ "${#files[@]}" -gt 0 ] || { say "no changed file to check (--all checks all)"; return 0; } ;;
        *) files=("$@") ;;
    esac
    log=$(new_log lint)
    step_begin "Linting $([ "${#files[@]}" -gt 0 ] && echo "${#files[@]} files" || echo "all files")"
    if as_owner python3 tools/dev/lint.py build/release build/lint "${files[@]}" 2>&1 | show_progress "$log"; then
        step_end "nothing to say"
        grep '^not compiled' "$log" || true
    else
        grep -E '(warning|error): ' "$log" | sort -u | head -n 100 || true
        step_failed "$log"
        return 1
    fi
}

cmd_bench() {
    local name=${1:-}
    if [ -z "$name" ]; then
        say "benchmarks: $(grep -rhoE '^ *gyr_bench\([a-z0-9_]+' bench src --include=CMakeLists.txt | sed 's/.*(//' | sort | tr '\n' ' ')"
        return 0
    fi
    shift
    need_packages build test
    build_release_binary
    build_tree release "bench_$name"
    exec "build/release/bench/bench_$name" "$@"
}

# The same generated conditions and events as the fuzz target match has, ten million pairs of them without a sanitizer.
fuzz_agreement() {
    build_tree release bench_agreement
    run_step fuzz-agreement "Comparing the evaluator with the reference" as_owner build/release/bench/bench_agreement
}

cmd_fuzz() {
    local target=${1:-} seconds=${2:-60} name names failed=0
    need_packages build fuzz
    case "$target" in *[!0-9]* | '') ;; *) seconds=$target target='' ;; esac
    if [ "$target" = agreement ]; then
        fuzz_agreement
        return
    fi
    mapfile -t names < <(find fuzz/targets -name '*_fuzz.cpp' -printf '%f\n' | sed 's/_fuzz\.cpp$//' | sort)
    if [ -n "$target" ]; then
        target=${target%_fuzz}
        [ -e "fuzz/targets/${target}_fuzz.cpp" ] || die "no fuzz target $target; there are: ${names[*]} agreement"
        names=("$target")
    fi
    build_tree fuzz "${names[@]/%/_fuzz}"
    for name in "${names[@]}"; do
        as_owner mkdir -p "build/fuzz/found/$name" "build/fuzz/crashes"
        # New inputs go to the first folder, which git does not see; the seeds in fuzz/corpus/ are only read.
        local seeds=()
        [ ! -d "fuzz/corpus/$name" ] || seeds=("fuzz/corpus/$name")
        run_step "fuzz-$name" "Fuzzing $name for $seconds s" as_owner "build/fuzz/fuzz/${name}_fuzz" \
            -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
            -artifact_prefix="build/fuzz/crashes/$name-" "build/fuzz/found/$name" "${seeds[@]}" || failed=1
    done
    [ -n "$target" ] || fuzz_agreement || failed=1
    [ "$failed" -eq 0 ] || die "a fuzz target failed; its input is in build/fuzz/crashes/"
}
