#!/bin/sh
# test_stock.sh BUILD SCRATCH - the binding as a module of a stock interpreter,
# which has the Lua API inside: the same scripts run, and no liblua is linked.
set -u
case $1 in
/*) build=$1 ;;
*) build=$PWD/$1 ;;
esac
if ! command -v lua5.4 >/dev/null; then
    echo "# not run: lua5.4, which is not installed"
    exit 0
fi

export LUA_PATH="$build/lua/?.lua;$build/lua/?/init.lua"
export LUA_CPATH="$build/lua/?.so" DESCENT_PLUGIN_PATH="$build/plugins"
number=0
check() {
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; fi
}

lua5.4 scripts/examples/rosenbrock.lua >"$2/stock" 2>&1
check $? "a script runs in lua5.4"
"$build/descent" run scripts/examples/rosenbrock.lua >"$2/ours" 2>&1
cmp -s "$2/stock" "$2/ours"
check $? "and prints what it prints under descent run"
# Lists what a library needs; a list that cannot be had is a failure.
needs() {
    ldd "$1" >"$2/needs" && grep -q libc "$2/needs"
}

needs "$build/lua/descent/core.so" "$2" && ! grep -q liblua "$2/needs"
check $? "the module does not link liblua"
needs "$build/libdescent.so.0" "$2" && ! grep -qi lua "$2/needs"
check $? "libdescent knows nothing of Lua"
