#!/usr/bin/env bash
# libFuzzer with AddressSanitizer on everything that reads untrusted bytes.
#
#   Tests/Fuzz/fuzz.sh [short|full] [TARGET...]
#
# short is for continuous integration; full tries RUNS inputs (10,000,000) on each target. Text and conversation go in rounds of a million,
# each from the seeds again and, after the first, of 64 bytes at most: what has run for long works on long, slow inputs only. A crash, an
# input that takes a second (looked at again by itself: the machine may have been busy) or one that takes a piece of memory of 64 MB is a
# failure; that input is then kept in the current folder. Inputs that reach new code go to a temporary folder: Tests/Fuzz/corpus stays as it is.
# BUILD names a folder to keep what was built in; what it holds is used again.
set -euo pipefail
form=${1:-short}
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=(safetensors folder text session)
runs=${RUNS:-10000000}
kept=$PWD
cd "$(dirname "$0")/../.."
build=${BUILD:-$(mktemp -d)}
mkdir -p "$build"
[ -n "${BUILD:-}" ] || trap 'rm -rf "$build"' EXIT

flags=(-O -sanitize=fuzzer,address -parse-as-library -swift-version 6 -package-name temper -suppress-warnings
  -I Sources/CRename -I Sources/CSha256 -I Sources/CUtf8proc -I Sources/CBlas -I "$build" -Xcc -ISources/CKernels/include
  -Xcc "-fmodule-map-file=$build/module.modulemap")
printf 'module CKernels { header "%s/Sources/CKernels/include/CKernels.h" export * }\n' "$PWD" >"$build/module.modulemap"
for source in Sources/CKernels/*.c; do
  [ ! -f "$build/Workbench.o" ] || break
  clang -O2 -c -fsanitize=address -ISources/CKernels/include "$source" -o "$build/$(basename "$source").o"
done
for module in Safetensors Text Transformer Workbench; do
  [ ! -f "$build/Workbench.o" ] || break
  find "Sources/$module" -name '*.swift' -print0 | sort -z | xargs -0 swiftc "${flags[@]}" -wmo \
    -module-name "$module" -emit-module -emit-module-path "$build/$module.swiftmodule" -emit-object -o "$build/$module.o"
done
echo "built in $SECONDS s"

# Swift's runtime keeps what it caches; leaks are not what is looked for.
export ASAN_OPTIONS=detect_leaks=0
# A second thread of OpenBLAS would only wait, and take a processor for it.
export OPENBLAS_NUM_THREADS=1
for target in "${targets[@]}"; do
  swiftc "${flags[@]}" -D "${target^^}" Tests/Fuzz/Fuzz.swift "$build"/*.o -lutf8proc -lopenblas \
    -module-name Fuzz -o "$build/$target" 2>&1 | grep -v 'Cannot export local symbol' || true
  round=$runs
  case $target in
  safetensors) length=512 ;;
  folder) length=1024 ;;
  text) length=512 round=1000000 ;;
  session) length=128 round=1000000 ;;
  esac
  dictionary=()
  [ ! -f "Tests/Fuzz/$target.dict" ] || dictionary=(-dict="Tests/Fuzz/$target.dict")
  for ((done = 0; done < runs; done += round)); do
    limit=(-runs=$((runs - done < round ? runs - done : round)) -seed=$((done / round + 1)))
    [ "$form" = full ] || limit=(-max_total_time=4)
    [ "$done" -eq 0 ] || length=64
    echo "== $target"
    found=$(mktemp -d "$build/found-XXXXXX")
    "$build/$target" "${limit[@]}" -timeout=20 -report_slow_units=1 "${dictionary[@]}" -max_len=$length \
      -malloc_limit_mb=64 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 -artifact_prefix="$kept/$target-" \
      "$found" "Tests/Fuzz/corpus/$target" >"$build/$target.log" 2>&1 ||
      { tail -n 60 "$build/$target.log"; exit 1; }
    grep -E 'number_of_executed_units|slowest_unit|peak_rss' "$build/$target.log"
    [ "$form" = full ] || break
  done
  for input in "$kept/$target"-slow-unit-*; do
    [ -f "$input" ] || continue
    milliseconds=$("$build/$target" -runs=1 "$input" 2>&1 | sed -n 's/^Executed .* in \([0-9]*\) ms.*/\1/p')
    [ "${milliseconds:-9999}" -lt 1000 ] || { echo "$input takes $milliseconds ms"; exit 1; }
    rm "$input"
  done
done
