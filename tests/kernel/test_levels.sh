#!/bin/sh
# test_levels.sh BUILD SCRATCH - the three levels of a rule are different machine
# code: AVX2 loops use ymm registers, AVX-512 loops zmm, portable ones neither;
# and no level fuses a multiplication with an addition.
set -u
build=$1
scratch=$2
number=0

# check FACT CONDITION...
check() {
    fact=$1
    shift
    number=$((number + 1))
    if "$@"; then echo "ok $number - $fact"; else echo "not ok $number - $fact"; fi
}
counts() { [ "$1" -eq "$2" ]; }
some() { [ "$1" -gt 0 ]; }

case $(uname -m) in
x86_64) ;;
*)
    echo "# not run: levels of x86-64 on this machine"
    exit 0
    ;;
esac

for compiler in gcc clang; do
    if ! ls "$build/tests/kernels/$compiler" >/dev/null 2>&1; then
        echo "# not run: machine code of $compiler, which is not installed"
        continue
    fi
    for plugin in "$build/tests/kernels/$compiler"/*.so; do
        name="$(basename "$plugin" .so) by $compiler"
        # One line a loop: its symbol, then how often it uses which registers.
        objdump -d --no-show-raw-insn "$plugin" | awk '
            /^[0-9a-f]+ <.*>:$/ { symbol = $2; next }
            symbol ~ /_(any|avx2|avx512)_(step|fused)/ {
                used[symbol] += 0
                if (/%ymm/) ymm[symbol]++
                if (/%zmm/) zmm[symbol]++
                if (/vfn?m(add|sub)/) fma[symbol]++
            }
            END { for (s in used)
                print s, ymm[s] + 0, zmm[s] + 0, fma[s] + 0 }' >"$scratch/loops"
        any=$(grep -c _any_ "$scratch/loops")
        check "$name has loops" some "$any"
        check "$name has as many AVX2 loops" counts "$any" \
            "$(grep -c _avx2_ "$scratch/loops")"
        check "$name has as many AVX-512 loops" counts "$any" \
            "$(grep -c _avx512_ "$scratch/loops")"
        check "$name: each AVX2 loop uses ymm, none zmm" counts 0 \
            "$(awk '/_avx2_/ && ($2 == 0 || $3 > 0)' "$scratch/loops" | wc -l)"
        check "$name: each AVX-512 loop uses zmm" counts 0 \
            "$(awk '/_avx512_/ && $3 == 0' "$scratch/loops" | wc -l)"
        check "$name: no portable loop uses ymm or zmm" counts 0 \
            "$(awk '/_any_/ && ($2 > 0 || $3 > 0)' "$scratch/loops" | wc -l)"
        check "$name: each operation rounds once" counts 0 \
            "$(awk '$4 > 0' "$scratch/loops" | wc -l)"
    done
done
