#!/bin/sh
# SPDX-License-Identifier: MIT
# A third party's day: install Descent, build a plugin and a program from what
# was installed alone, use the plugin from Lua and from C.  Prints TAP.
#
#     test_third_party.sh BUILD SCRATCH
#
# BUILD is a finished release build; everything is made below SCRATCH.
set -u

if [ $# -ne 2 ]; then
    echo "usage: $0 BUILD SCRATCH" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd) || exit 1
build=$(cd "$1" && pwd) || exit 1
scratch=$(mktemp -d -p "$(cd "$2" && pwd)") || exit 1
prefix=$scratch/prefix
log=$scratch/log
umask 022

unset DESCENT_PLUGIN_PATH DESCENT_ISA DESCENT_THREADS
unset LUA_PATH LUA_CPATH LUA_INIT
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
export LD_LIBRARY_PATH="$prefix/lib"
export XDG_DATA_HOME="$scratch/data"

tests=0
failed=0

# check NAME COMMAND...: one test, which passes when the command succeeds.
check() {
    name=$1
    shift
    tests=$((tests + 1))
    if "$@" >"$log" 2>&1; then
        echo "ok $tests - $name"
    else
        echo "not ok $tests - $name"
        sed 's/^/# /' "$log"
        failed=$((failed + 1))
    fi
}

install_descent() {
    make -s -C "$here/../../.." BUILD="$build" PREFIX="$prefix" \
        prefix="$prefix" DESTDIR= install
}

# The line that the documentation tells plugin authors, to be split into words.
# shellcheck disable=SC2046
build_plugin() {
    cc $(pkg-config --cflags descent-plugin) -fPIC -shared lion.c -o lion.so $(pkg-config --libs descent-plugin)
}

# shellcheck disable=SC2046
build_program() {
    cc use.c -o use $(pkg-config --cflags --libs descent)
}

# expect TEXT COMMAND...: the command succeeds and prints the text.
expect() {
    wanted=$1
    shift
    got=$("$@") || return 1
    [ "$got" = "$wanted" ] || { printf 'got: %s\n' "$got"; return 1; }
}

is_unknown() {
    "$prefix/bin/descent" plugins lion && return 1
    [ $? -eq 1 ]
}

is_described() {
    "$prefix/bin/descent" plugins lion | grep -q '^Lion (lion 0.1.0)$'
}

# Each of the seven, at the place where it was installed.
are_installed() {
    for one in adadelta adagrad adam adamax nadam rmsprop sgd; do
        file=$prefix/lib/descent/plugins/1/$one.so
        "$prefix/bin/descent" plugins "$one" | grep -qF "$file" ||
            { echo "$one: not from $file"; return 1; }
    done
}

tab=$(printf '\t')
weights="0.25${tab}-1.25"

check "make install" install_descent
# Nothing of the source tree is near from here on.
mkdir -p "$scratch/work" "$scratch/plugins" &&
    cp "$here/lion.c" "$here/use.c" "$here/use.lua" "$scratch/work" &&
    cd "$scratch/work" || exit 1
check "the seven are found where they were installed" are_installed
check "lion is unknown before it is built" is_unknown
check "one line builds a plugin from the installed headers" build_plugin
mv -f lion.so "$scratch/plugins/" 2>>"$log"
export DESCENT_PLUGIN_PATH="$scratch/plugins"
check "DESCENT_PLUGIN_PATH finds it" is_described
check "a Lua script uses it" \
    expect "$weights" "$prefix/bin/descent" run use.lua
check "a C program is built from the installed descent.pc" build_program
check "a C program uses it" expect "$weights" ./use

echo "1..$tests"
[ "$failed" -eq 0 ]
