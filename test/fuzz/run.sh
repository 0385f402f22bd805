#!/bin/sh
# Runs every fuzz target for SECONDS (default 30) under libFuzzer with the address and
# undefined-behaviour sanitizers, as many at a time as there are cores. One line per target;
# exit status 1 when any of them crashed. A crashing input stays in BUILD/found/TARGET.
# BUILD-DIRECTORY is what `./run test fuzz` made; without one, the fuzz targets alone are built.
# Usage: test/fuzz/run.sh [SECONDS [BUILD-DIRECTORY]]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
seconds=${1:-30}
build=${2:-$root/build-fuzz}

if [ ! -f "$build/build.ninja" ]; then
	CC=clang CXX=clang++ meson setup "$build" "$root" -Dfuzz=true \
		-Db_sanitize=address,undefined -Db_lundef=false >"$build.log" 2>&1 ||
		{ cat "$build.log"; exit 1; }
	rm -f "$build.log"
fi
meson compile -C "$build" fuzz >"$build/compile.log" 2>&1 || { cat "$build/compile.log"; exit 1; }

run_one() {
	name=$1
	found=$build/found/$name
	mkdir -p "$found/corpus"
	if "$build/test/fuzz/${name}_fuzz" -max_total_time="$seconds" -print_final_stats=1 \
		-timeout=10 -artifact_prefix="$found/" \
		"$found/corpus" "$here/corpus/$name" >"$found/log" 2>&1; then
		result=ok
	else
		result="FAILED, see $found/log"
	fi
	executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$found/log")
	coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$found/log" | tail -n 1)
	printf '%-20s %12s executions  coverage %6s  %s\n' \
		"$name" "${executions:-0}" "${coverage:-0}" "$result"
	[ "$result" = ok ]
}

if [ "${RUN_ONE:-}" ]; then
	run_one "$RUN_ONE"
	exit
fi
for program in "$build"/test/fuzz/*_fuzz; do
	name=${program##*/}
	echo "${name%_fuzz}"
done | xargs -P "$(nproc)" -I '{}' env RUN_ONE='{}' "$0" "$seconds" "$build" || exit 1
