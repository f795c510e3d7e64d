#!/bin/sh
# test_compare_peers.sh BUILD SCRATCH - the comparison with PyTorch runs where it
# is installed, and says so where it is not.
set -u
build=$1
scratch=$2
python=${DESCENT_TEST_PYTHON:-python3}
if ! "$python" -c '' 2>/dev/null; then
    echo "# not run: Python, which is not installed"
    exit 0
fi
number=0
check() {
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; fi
}
compare() {
    "$python" tests/bench/compare_peers.py --build "$build" --seconds 0.01 "$@"
}

# A module of the same name that cannot be imported stands for none.
mkdir -p "$scratch/absent"
echo 'raise ImportError' >"$scratch/absent/torch.py"
PYTHONPATH="$scratch/absent" compare >"$scratch/said"
check $? "without PyTorch it succeeds"
grep -q '^PyTorch is not installed' "$scratch/said"
check $? "and says why nothing is compared"
compare --case nothing >"$scratch/said" 2>&1
[ $? -eq 2 ] && grep -q "unknown case 'nothing'" "$scratch/said"
check $? "an unknown case is refused"
if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "# not run: the comparison, because PyTorch is not installed"
    exit 0
fi
compare --threads 1 --case adam_1e5 --json >"$scratch/said" &&
    grep -q '"fused_spread": ' "$scratch/said"
check $? "with PyTorch it has a figure for each of its ways"
