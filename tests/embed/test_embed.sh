#!/bin/sh
# test_embed.sh BUILD SCRATCH - the example application builds without a warning
# as C11 and as C++11, against the shared and the static library, and works.
set -u
build=$1
scratch=$2
number=0
warnings="-Wall -Wextra -Wpedantic -Werror"
case $build in
*asan) mode=-fsanitize=address ;;
*ubsan) mode=-fsanitize=undefined ;;
*) mode= ;;
esac

# try FACT COMPILER LIBRARIES...
try() {
    fact=$1
    compiler=$2
    shift 2
    number=$((number + 1))
    if $compiler $warnings $mode -Icore/include tests/embed/embed.c -o "$scratch/embed" "$@" &&
        "$scratch/embed" >"$scratch/said" &&
        grep -q '^loss [0-9.]*e-.*weights 2.00 -1.00 -\{0,1\}0.00, bias 0.50$' "$scratch/said" &&
        grep -q '^nadam .*2000 steps, 48 bytes of state' "$scratch/said" &&
        grep -q '^0 bytes left in use, 0 warnings$' "$scratch/said"; then
        echo "ok $number - $fact"
    else
        echo "not ok $number - $fact"
        sed 's/^/# /' "$scratch/said"
    fi
}

export DESCENT_PLUGIN_PATH="$PWD/$build/plugins"
shared="-L$build -ldescent -Wl,-rpath,$PWD/$build"
static="$build/libdescent.a $(pkg-config --libs jansson) -ldl -lm"
try "C11, shared" "cc -std=gnu11" $shared
try "C11, static" "cc -std=gnu11" $static
try "C++11, shared" "c++ -std=gnu++11 -x c++" -x none $shared
if command -v clang++ >/dev/null; then
    try "C++11 by clang, shared" "clang++ -std=gnu++11 -x c++" -x none $shared
else
    echo "# not run: clang++, which is not installed"
fi
