#!/bin/sh
# test_stock.sh BUILD SCRATCH - the binding as a module of a stock interpreter,
# which has the Lua API inside: the same scripts run, and no liblua is linked.
set -u
build=$1
if ! command -v lua5.4 >/dev/null; then
    echo "# not run: lua5.4, which is not installed"
    exit 0
fi

export LUA_PATH="$PWD/$build/lua/?.lua;$PWD/$build/lua/?/init.lua"
export LUA_CPATH="$PWD/$build/lua/?.so" DESCENT_PLUGIN_PATH="$PWD/$build/plugins"
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
! ldd "$build/lua/descent/core.so" | grep -q liblua
check $? "the module does not link liblua"
! ldd "$build/libdescent.so.0" | grep -qi lua
check $? "libdescent knows nothing of Lua"
