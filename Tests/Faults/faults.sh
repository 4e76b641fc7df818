#!/usr/bin/env bash
# Tries to lose a model: kills, failing system calls, full disks, limits, and stops at every step.
#
#   Tests/Faults/faults.sh PATH/TO/temper [short|full]
#
# After each fault the folder must load whole, and --resume must end with the very weights and training state of a run that nothing
# happened to. Needs strace and a C compiler; a full disk is tried only where a tmpfs may be mounted.
set -uo pipefail
temper=$(realpath "$1")
form=${2:-short}
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'umount "$work/disk" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
head -c 3000 "$here/../../corpus/fables.txt" >text.txt
export SWIFT_BACKTRACE=enable=no
shape=(--layers 1 --width 8 --head-width 4 --context 8 --batch 4 --seed 5)
failures=0
tried=0
total=0

fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
section() { echo "== $*"; tried=0; }
counted() { total=$((total + tried)); echo "$tried tried, $failures failed so far, $SECONDS s"; }

# The values of a safetensors file: all after its header, whose metadata hold a checksum over a time.
values() { tail -c +$(($(od -An -tu8 -N8 "$1") + 9)) "$1"; }

# What must be the same: weights, optimizer, position, history; not how long it took and what was typed.
digest() {
  { values "$1/model.safetensors"; values "$1/trainer/state.safetensors"
    grep -v -e '"seconds"' -e '"command"' "$1/trainer/state.json"; } 2>&1 | sha256sum
}

# Trains into $1, options in the rest.
train() { "$temper" train text.txt --out "$1" "${@:2}" --threads "${threads:-1}" --json >out.json 2>err.txt; }
steps=5
resume() { train "$1" --resume --steps $steps; }

train base "${shape[@]}" --eval-every 2 --save-every 1 --steps 3 || { cat err.txt; exit 1; }
cp -a base reference
resume reference || { cat err.txt; exit 1; }
wanted=$(digest reference)
old=$(digest base)

# The folder $1 after a fault named $2.
check() {
  tried=$((tried + 1))
  resume "$1" || { fail "$2: does not resume: $(cat err.txt)"; return; }
  [ "$(digest "$1")" = "$wanted" ] || fail "$2: went on to another result"
  compgen -G ".$(basename "$1").temper-[0-9]*" >/dev/null && fail "$2: leaves a temporary folder"
}

# A resume that saves twice, under strace with injection $2 into the calls $1.
inject() {
  rm -rf run
  cp -a base run
  strace -qq -y -o trace -e trace="$1" -e inject="$1:$2" \
    "$temper" train text.txt --out run --resume --steps $steps --threads 1 --json >out.json 2>err.txt
  code=$?
}

# The numbers of the calls $1 from the moment the folder is locked on; in the short form some of them.
numbers() {
  rm -rf run
  cp -a base run
  strace -qq -o trace -e trace="openat,$1" \
    "$temper" train text.txt --out run --resume --steps $steps --threads 1 --json >out.json 2>err.txt
  awk -v call="$1(" -v stride="$stride" '
    /temper-lock/ { locked = 1 }
    index($0, call) == 1 { n++; if (locked && (k++ % stride == 0)) print n }' trace
}

# Containers may forbid to trace.
canTrace=1
strace -qq -o trace -e trace=none true 2>/dev/null || { canTrace=0; echo 'strace cannot trace here: its faults are skipped'; }

stride=1
if [ "$form" = short ]; then stride=${SHORT_STRIDE:-23}; fi
calls=(write pwrite64 fsync rename renameat2 close mkdir unlinkat)
[ $canTrace = 1 ] || calls=()

section 'killed at every write, fsync, rename, close, mkdir and unlink of two saves'
for call in "${calls[@]}"; do
  before=$tried
  for n in $(numbers $call); do
    inject $call "signal=SIGKILL:when=$n" 2>/dev/null
    [ $code -eq 137 ] || fail "SIGKILL at $call $n: exit code $code"
    check run "SIGKILL at $call $n"
  done
  echo "   $call: $((tried - before))"
done
counted

section 'EIO, ENOSPC and EINTR at every such call'
declare -A cause=([EIO]='Input/output error' [ENOSPC]='No space left on device')
for call in "${calls[@]}"; do
  before=$tried
  for n in $(numbers $call); do
    for error in EIO ENOSPC EINTR; do
      what="$error at $call $n"
      inject $call "error=$error:when=$n"
      if [ $error = EINTR ]; then
        [ $code -eq 0 ] && [ "$(digest run)" = "$wanted" ] || fail "$what: exit code $code: $(cat err.txt)"
      elif [ $code -eq 1 ]; then
        grep -q "${cause[$error]}" err.txt && grep -q -e "$work" -e 'standard output' err.txt ||
          fail "$what: file or cause is not named: $(cat err.txt)"
      elif [ $code -ne 0 ]; then
        fail "$what: exit code $code"
      elif [[ $call != close && $call != unlinkat ]] && grep INJECTED trace | grep -q '\.run\.temper-[0-9]'; then
        grep '"save_failed"' out.json | grep -q "${cause[$error]}" || fail "$what: nobody is told"
      fi
      check run "$what"
    done
  done
  echo "   $call: $((tried - before))"
done
counted

section 'short writes'
if ${CC:-cc} -shared -fPIC -O -o short.so "$here/short.c" -ldl 2>/dev/null ||
  clang -shared -fPIC -O -o short.so "$here/short.c" -ldl; then
  for ((n = 1; ; n += stride)); do
    rm -rf run; cp -a base run
    # Past the last write nothing is shortened any more: a save makes fewer than 60.
    [ $n -le 120 ] || break
    SHORT_AT=$n LD_PRELOAD=$work/short.so resume run || fail "short write $n: $(cat err.txt)"
    [ "$(digest run)" = "$wanted" ] || fail "short write $n: another result"
    check run "short write $n"
  done
  for bytes in 1 7 100; do
    rm -rf run; cp -a base run
    SHORT_ALL=$bytes LD_PRELOAD=$work/short.so resume run || fail "writes of $bytes: $(cat err.txt)"
    [ "$(digest run)" = "$wanted" ] || fail "writes of $bytes: another result"
    check run "writes of $bytes"
  done
fi
counted

section 'file size limits'
largest=$(find base -type f -size +0 -printf '%s\n' | sort -n | tail -n 1)
pace=509
[ "$form" = full ] || pace=9973
for ((bytes = 0; bytes < largest + pace; bytes += pace)); do
  rm -rf run; cp -a base run
  # Standard error goes to a pipe, for which there is no limit.
  (prlimit --fsize=$bytes:$bytes --pid $BASHPID
    exec "$temper" train text.txt --out run --resume --steps $steps --threads 1) 2>&1 >/dev/null | cat >err2.txt
  code=${PIPESTATUS[0]}
  if [ $code -ne 0 ]; then
    [ $code -eq 1 ] || fail "limit of $bytes: exit code $code"
    grep -q "$work.*File too large" err2.txt || fail "limit of $bytes: file or cause is not named: $(cat err2.txt)"
    [ "$(digest run)" = "$old" ] || fail "limit of $bytes: the old model is gone"
  fi
  check run "limit of $bytes"
done
counted

section 'few descriptors, little memory'
limits=('-n 3' '-n 5' '-n 8' '-n 12' '-n 14' '-n 15' '-n 16' '-n 24' '-v 120000' '-v 200000' '-v 400000' '-v 600000' '-v 700000')
[ "$form" = short ] || for ((k = 100000; k <= 1500000; k += 25000)); do limits+=("-v $k"); done
for limit in "${limits[@]}"; do
  rm -rf run; cp -a base run
  (ulimit $limit; exec timeout -s KILL 60 "$temper" train text.txt --out run --resume --steps $steps) >/dev/null 2>err2.txt
  code=$?
  [ $code -le 1 ] || [ $code -eq 127 ] || fail "ulimit $limit: exit code $code: $(cat err2.txt)"
  [ $code -ne 1 ] || grep -q '^temper: ' err2.txt || fail "ulimit $limit: no message: $(cat err2.txt)"
  # 127 is the dynamic loader's: there is no room for the program itself.
  [ $code -ne 127 ] || grep -q 'shared' err2.txt || fail "ulimit $limit: $(cat err2.txt)"
  [ $code -eq 0 ] || [ "$(digest run)" = "$old" ] || fail "ulimit $limit: the old model is gone"
  check run "ulimit $limit"
done
counted

section 'a full disk'
mkdir disk
if mount -t tmpfs -o size=400k tmpfs disk 2>/dev/null; then
  pace=4; [ "$form" = full ] || pace=48
  for ((free = 0; free <= 192; free += pace)); do
    rm -rf disk/* disk/.run*; cp -a base disk/run
    dd if=/dev/zero of=disk/fill bs=4k 2>/dev/null
    truncate -s "-${free}k" disk/fill
    "$temper" train text.txt --out disk/run --resume --steps $steps --threads 1 >/dev/null 2>err2.txt
    code=$?
    [ $code -le 1 ] || fail "full disk: exit code $code"
    if [ $code -eq 1 ]; then
      grep -q 'disk/' err2.txt && grep -q 'No space left' err2.txt ||
        fail "disk with $free KB free: file or cause is not named: $(cat err2.txt)"
      [ "$(digest disk/run)" = "$old" ] || fail "disk with $free KB free: the old model is gone"
    fi
    rm disk/fill
    check disk/run "disk with $free KB free"
  done
  umount disk
else
  echo 'skipped: mounting is not permitted'
fi
counted

kills=15
stops=6
[ "$form" = short ] || { kills=1000; stops=200; }
[ $canTrace = 1 ] || kills=0 stops=0

if [ $kills -gt 0 ]; then
section "$kills kills at random moments of a run that saves each step"
endless=("${shape[@]}" --eval-every 50 --schedule constant --weight-decay 0.1 --dropout 0.1)
RANDOM=7
rm -rf run
# An evaluation at its end would not be in the other run: the first one is stopped.
strace -qq -o trace -e trace=write -e inject=write:signal=SIGTERM:when=2 \
  "$temper" train text.txt --out run "${endless[@]}" --save-every 1 --steps 1000000000 --threads 1 --json >out.json 2>err.txt
for ((i = 0; i < kills; i++)); do
  "$temper" train text.txt --out run --resume --steps 1000000000 --threads 1 --json >/dev/null 2>&1 &
  pid=$!
  sleep "0.$(printf %04d $((300 + RANDOM % 2500)))"
  kill -KILL $pid
  wait $pid 2>/dev/null
  tried=$((tried + 1))
  "$temper" inspect run >/dev/null 2>err.txt || fail "random kill $i: $(cat err.txt)"
done
reached=$(sed -n 's/^ *"step": \([0-9]*\).*/\1/p' run/trainer/state.json | head -n 1)
end=$(((reached / 50 + 2) * 50))
train run --resume --save-every 0 --steps $end || fail "after the kills: $(cat err.txt)"
train whole "${endless[@]}" --save-every 0 --steps $end
[ "$(digest run)" = "$(digest whole)" ] || fail "after $kills kills step $end is another one"
echo "   $reached steps were taken in between"
counted
fi

if [ $stops -gt 0 ]; then
section "SIGTERM at each of $stops steps in a row, with 1, 2 and 4 threads"
long=("${shape[@]}" --batch 16 --eval-every 7 --save-every 0 --steps $((stops + 10)))
rm -rf whole
threads=1 train whole "${long[@]}"
wanted=$(digest whole)
for threads in 2 4; do
  tried=$((tried + 1))
  rm -rf run; train run "${long[@]}"
  [ "$(digest run)" = "$wanted" ] || fail "$threads threads end elsewhere"
done
for threads in 1 2 4; do
  rm -rf run
  for ((i = 1; i <= stops; i++)); do
    begin=(--resume)
    [ $i -gt 1 ] || begin=("${long[@]}")
    # The first write is the start's event, the second the step's; the signal comes with it.
    strace -qq -o trace -e trace=write -e inject=write:signal=SIGTERM:when=2 \
      "$temper" train text.txt --out run "${begin[@]}" --threads $threads --json >out.json 2>err.txt
    code=$?
    tried=$((tried + 1))
    [ $code -eq 130 ] || fail "SIGTERM at $i: exit code $code: $(cat err.txt)"
    reached=$(sed -n 's/^ *"step": \([0-9]*\).*/\1/p' run/trainer/state.json | head -n 1)
    [ "$reached" = $i ] || fail "SIGTERM at $i: stopped at step $reached"
  done
  train run --resume || fail "after SIGTERM: $(cat err.txt)"
  [ "$(digest run)" = "$wanted" ] || fail "with $threads threads and $stops stops it ends elsewhere"
  echo "   $threads threads: $(digest run | head -c 16)"
done
counted
fi

characters=20000
[ "$form" = short ] || characters=10000000
section "$characters characters on a terminal, from a model trained on escape sequences"
# Colours, titles, clipboards, 8-bit controls, text that runs backwards.
for ((i = 0; i < 2000; i++)); do
  case $((RANDOM % 9)) in
  0) printf '\033[31m' ;; 1) printf '\033[2J\033[H' ;; 2) printf '\033]0;title\007' ;; 3) printf '\033]52;c;YQ==\033\\' ;;
  4) printf '\302\2332J' ;; 5) printf '\302\2350;x\302\234' ;; 6) printf '\342\200\256abc\342\200\254' ;;
  7) printf '\342\201\246ab\342\201\251\010' ;; 8) printf 'text\n' ;;
  esac
done >escapes.txt
"$temper" train escapes.txt --out escapes --layers 1 --width 16 --head-width 8 --context 16 --batch 8 --steps 60 --save-every 0 \
  --json >out.json 2>err.txt || fail "the model of escapes: $(cat err.txt)"
TERM=xterm NO_COLOR=1 script -qec "'$temper' generate --model escapes --length $characters --seed 1" shown.txt >/dev/null
# The first and the last line are the recorder's own.
sed -e '1d' -e '$d' shown.txt >clean.txt
learnt=$(grep -o '␛' clean.txt | wc -l)
[ "$learnt" -gt $((characters / 50)) ] || fail "only $learnt escapes: the model has not learnt them"
found=$(LC_ALL=C grep -acP '[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xaa-\xae]|\xe2\x81[\xa6-\xa9]|\xd8\x9c' clean.txt)
[ "$found" = 0 ] || fail "$found lines with something that can steer a terminal"
echo "   $(wc -m <clean.txt) characters shown, $learnt escapes of the model made visible"
tried=$characters
total=$((total - characters + 1))
counted

echo "$total faults tried, $failures failed, $SECONDS s"
[ $failures -eq 0 ]
