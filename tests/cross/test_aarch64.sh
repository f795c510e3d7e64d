#!/bin/sh
# test_aarch64.sh BUILD SCRATCH - the core compiles for AArch64, and what
# calculates, emulated, gives the bits of this processor's portable loops.
# `scripts/setup cross` installs what this needs.
set -u
build=$1
scratch=$2/aarch64
cc=aarch64-linux-gnu-gcc
number=0

# check FACT COMMAND...
check() {
    fact=$1
    shift
    number=$((number + 1))
    if "$@" >"$scratch/said" 2>&1; then
        echo "ok $number - $fact"
    else
        echo "not ok $number - $fact"
        sed 's/^/# /' "$scratch/said" | head -n 20
    fi
}

emulator=$(command -v qemu-aarch64 || command -v qemu-aarch64-static || true)
if [ "$(uname -m)" != x86_64 ]; then
    echo "# not run: AArch64 against x86-64 on this machine"
    exit 0
elif ! command -v $cc >/dev/null || [ -z "$emulator" ]; then
    echo "# not run: AArch64, whose compiler or emulator is not installed"
    exit 0
fi

# Headers of libraries that do not depend on the processor.
mkdir -p "$scratch/include"
for header in jansson.h jansson_config.h xxhash.h xxh3.h cblas.h \
    openblas_config.h lua5.4-deb-multiarch.h; do
    found=$(find /usr/include -maxdepth 3 -name "$header" | head -n 1)
    [ -z "$found" ] || ln -sf "$found" "$scratch/include/$header"
done
flags="-std=c11 -D_GNU_SOURCE -Icore/include -Icore -Itests -I$scratch/include
$(pkg-config --cflags lua5.4) -fno-math-errno -fno-trapping-math
-ffp-contract=off -Wall -Wextra -Wpedantic -Werror"

compiles() {
    for file in core/*/*.c core/*/*/*.c; do
        $cc $flags -fsyntax-only "$file" || return 1
    done
}

links() {
    for plugin in plugins/*/*.c; do
        name=$(basename "$plugin" .c)
        $cc $flags -O3 "-DDESCENT_ENTRY_NAME=${name}_plugin_v1" -c "$plugin" \
            -o "$scratch/$name.o" || return 1
    done
    $cc $flags -O3 -DLINKED -static $(cat "$build/tests/hashes.sources") \
        "$scratch"/*.o -lm -o "$scratch/hashes"
}

agrees() {
    "$build/tests/hashes" "$build/tests/kernels/$1" >"$scratch/here" || return 1
    [ "$(wc -l <"$scratch/here")" -gt 1600 ] || return 1
    "$emulator" "$scratch/hashes" linked >"$scratch/there" || return 1
    diff "$scratch/here" "$scratch/there"
}

check "the core compiles for AArch64" compiles
check "the loops and the arithmetic link" links
check "they give the bits of x86-64" agrees gcc
