#!/bin/sh
# test_search.sh BUILD SCRATCH - the random search finds a plugin whose
# fused_step rounds otherwise, and describes it so that it can be seen again.
set -u
build=$1
scratch=$2/search
number=0

# check FACT COMMAND...
check() {
    fact=$1
    shift
    number=$((number + 1))
    if "$@"; then
        echo "ok $number - $fact"
    else
        echo "not ok $number - $fact"
        sed 's/^/# /' "$scratch/said" | head -n 20
    fi
}

# The seven, of which one is wrong.
mkdir -p "$scratch/include/descent" "$scratch/plugins"
cp "$build"/tests/kernels/gcc/*.so "$scratch/plugins"
cp core/include/descent/*.h "$scratch/include/descent"
sed 's/w = x->has_decay ? w - x->decay \* w : w;  /w = x->has_decay ? w * (1 - x->decay) : w;/' \
    core/include/descent/kernel.h >"$scratch/include/descent/kernel.h"
rm "$scratch/plugins/sgd.so"
gcc -std=c11 -I"$scratch/include" -fPIC -fvisibility=hidden -O1 \
    -ffp-contract=off -shared -Wl,-z,now plugins/sgd/sgd.c \
    -o "$scratch/plugins/sgd.so" -lm
chmod -R go-w "$scratch"

described() {
    "$build/tests/search" --seed 3 --trials 2000 --beside "$scratch/plugins" \
        >"$scratch/said"
    [ $? -eq 1 ] && grep -q '^not ok' "$scratch/said" || return 1
    line=$(sed -n 's/^# \(--kind .*\)/\1/p' "$scratch/said")
    # Nothing that the difference does not need.
    echo "$line" | grep -qE "^--kind sgd --options '\"weight_decay\": [0-9.]+'\
 --tensors b?f[0-9]+:[0-9]+x1 --steps 1 .* --sparse 0 --missing 0 --threads 1\
 --isa any --plugins $scratch/plugins --fused 1 --aggregate 0 --cut 0\$"
}
again() {
    eval "\"$build/tests/search\" $1" >"$scratch/said"
    grep -qx "$2" "$scratch/said"
}

check "a difference is found and described" described
check "the description shows it again" again "$line" differs
check "the right plugin does not differ" again \
    "$(echo "$line" | sed "s|--plugins [^ ]*|--plugins clang|")" same
