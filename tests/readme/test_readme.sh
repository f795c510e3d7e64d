#!/bin/sh
# test_readme.sh BUILD SCRATCH - do what the README says, as written: save its
# files, run its commands in order, compare what they print with its text blocks.
set -u
build=$1
scratch=$2/readme
tree=$PWD
number=0
# Installing takes the release build, whatever else is being tested.
[ "$build" = build ] || { echo "# not run: the README, which is about build/"; exit 0; }

umask 022
rm -rf "$scratch"
mkdir -p "$scratch/work"
export HOME="$scratch/home"
mkdir -p "$HOME"
unset DESCENT_PLUGIN_PATH DESCENT_TEST_BUILD MAKEFLAGS MAKELEVEL MFLAGS

# Each block becomes N.LANGUAGE, in order.
awk -v out="$scratch" '
    /^```[a-z]+$/ { language = substr($0, 4); file = sprintf("%s/%02d.%s", out, ++n, language); next }
    /^```$/ { file = ""; next }
    file { print > file }' README.md

report() {
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; fi
}

: >"$scratch/output"
cd "$scratch/work" || exit 1
for block in "$scratch"/[0-9][0-9].*; do
    case $block in
    *.sh)
        if grep -q '^scripts/setup' "$block"; then
            # The gate runs the second; here only that both can be asked for.
            (cd "$tree" && make -n demo test >/dev/null 2>&1)
            report $? "the two commands name targets"
            continue
        fi
        # Building and installing happens in the tree, the rest where files lie.
        grep -q '^make ' "$block" && cd "$tree"
        . "$block" >"$scratch/output" 2>"$scratch/errors"
        report $? "$(grep -v '^export' "$block" | head -n 1 | cut -c1-60)"
        [ -s "$scratch/errors" ] && sed 's/^/# /' "$scratch/errors"
        cd "$scratch/work" || exit 1
        ;;
    *.text)
        cmp -s "$block" "$scratch/output"
        report $? "it prints $(head -n 1 "$block")"
        diff "$block" "$scratch/output" | sed 's/^/# /'
        ;;
    *)
        name=$(head -n 1 "$block" | sed 's/^[^a-z]*\([a-z_]*\.[a-z]*\).*/\1/')
        cp "$block" "$name"
        report $? "$name is saved"
        ;;
    esac
done
