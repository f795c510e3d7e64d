#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/script/test_stock.sh BUILD SCRATCH: the module in a stock Lua interpreter,
# with the tests that the embedded one runs.
build=$1
scratch=$2
cd "$(dirname "$0")/../.." || exit 1
lua=
for name in lua5.4 lua54 lua; do
    if command -v "$name" >/dev/null &&
        "$name" -e 'os.exit(_VERSION == "Lua 5.4")'; then
        lua=$name
        break
    fi
done
# Without one, the least interpreter: it knows nothing of Descent.
if [ -z "$lua" ]; then
    lua=$scratch/lua
    for name in lua5.4 lua-5.4 lua; do
        pkg-config --exists "$name" && break
    done
    # shellcheck disable=SC2046
    ${CC:-cc} -x c -o "$lua" - $(pkg-config --cflags "$name") \
        -Wl,--no-as-needed $(pkg-config --libs "$name") <<'END' || exit 1
#include <stdio.h>
#include <lauxlib.h>
#include <lualib.h>
int main(int argc, char **argv)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (argc == 2 && luaL_dofile(L, argv[1]) == LUA_OK)
        return 0;
    fprintf(stderr, "%s\n", luaL_tolstring(L, -1, NULL));
    return 1;
}
END
fi
case $build in
/*) ;;
*) build=$PWD/$build ;;
esac
LUA_PATH="$build/lua/?.lua;$build/lua/?/init.lua;$PWD/tests/script/lua/?.lua"
LUA_CPATH="$build/lua/?.so"
export LUA_PATH LUA_CPATH

number=0
failed=0
for test in tensor optimizer schedules errors misuse model; do
    number=$((number + 1))
    if out=$("$lua" "tests/script/lua/test_$test.lua" 2>&1); then
        echo "ok $number - $test in a stock interpreter"
    else
        failed=$((failed + 1))
        echo "not ok $number - $test in a stock interpreter"
        echo "$out" | grep -v '^ok'
    fi
done
[ "$failed" -eq 0 ]
