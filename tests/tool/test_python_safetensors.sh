#!/bin/sh
# test_python_safetensors.sh BUILD SCRATCH - files of ours open with the
# safetensors package of Python, and files of its open with ours.
set -u
build=$1
scratch=$2
python=${DESCENT_TEST_PYTHON:-python3}
if ! "$python" -c 'import numpy, safetensors' 2>/dev/null; then
    echo "# not run: Python's safetensors package, which is not installed"
    exit 0
fi
export DESCENT_PLUGIN_PATH="$PWD/$build/plugins" FOLDER="$scratch"
number=0
check() {
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; fi
}

cat >"$scratch/save.lua" <<'LUA'
local descent = require "descent"
descent.save(os.getenv "FOLDER" .. "/ours.safetensors", {
  ["layer/kernel"] = descent.tensor { { 1, 2, 3 }, { 4, 5, 6.5 } },
  double = descent.tensor({ 0.1 }, { dtype = "f64" }),
  step = descent.tensor({ 1 << 62 }, { dtype = "i64" }),
  bytes = descent.tensor({ 1, 2, 255 }, { dtype = "u8" }),
  ["\u{20AC} \"q\""] = descent.zeros(0, 2),
}, { metadata = { note = "two\nlines \u{20AC}" } })
LUA
"$build/descent" run "$scratch/save.lua"
check $? "descent saves"
"$python" - <<'PYTHON'
import os
from numpy import array, array_equal, float32, float64
from safetensors import safe_open
with safe_open(os.environ["FOLDER"] + "/ours.safetensors", "np") as f:
    assert sorted(f.keys()) == ["bytes", "double", "layer/kernel", "step",
                                "\u20ac \"q\""], f.keys()
    kernel = f.get_tensor("layer/kernel")
    assert kernel.dtype == float32
    assert array_equal(kernel, array([[1, 2, 3], [4, 5, 6.5]]))
    assert f.get_tensor("double").dtype == float64
    assert f.get_tensor("double")[0] == 0.1
    assert f.get_tensor("step")[0] == 1 << 62
    assert list(f.get_tensor("bytes")) == [1, 2, 255]
    assert f.get_tensor("\u20ac \"q\"").shape == (0, 2)
    metadata = f.metadata()
    assert metadata["note"] == "two\nlines \u20ac"
    assert len(metadata["digest.layer/kernel"]) == 32
PYTHON
check $? "safetensors finds every tensor and the metadata"
"$python" - <<'PYTHON'
import os
import numpy
from safetensors.numpy import save_file
save_file({"a": numpy.arange(6, dtype=numpy.float32).reshape(2, 3),
           "b/c": numpy.array([7], dtype=numpy.int64),
           "d": numpy.zeros((2, 0), dtype=numpy.float64)},
          os.environ["FOLDER"] + "/theirs.safetensors", {"made by": "numpy"})
PYTHON
check $? "safetensors saves"
cat >"$scratch/load.lua" <<'LUA'
local descent = require "descent"
local t, metadata = descent.load(os.getenv "FOLDER" .. "/theirs.safetensors")
assert(t.a:equal(descent.tensor { { 0, 1, 2 }, { 3, 4, 5 } }))
assert(t["b/c"].dtype == "i64" and t["b/c"][1] == 7)
assert(table.concat(t.d.shape, ",") == "2,0" and metadata["made by"] == "numpy")
LUA
"$build/descent" run "$scratch/load.lua"
check $? "descent finds every tensor and the metadata"
"$build/descent" inspect "$scratch/theirs.safetensors" | grep -q 'a  *f32  *\[2, 3\]  *24  none'
check $? "descent inspect says that there are no digests"

cat >"$scratch/state.lua" <<'LUA'
local descent = require "descent"
local model = descent.model.softmax { inputs = 2, classes = 3 }
local opt = descent.optimizer("nadam", model, { lr = 0.1, use_ema = true })
for _ = 1, 3 do
  opt:apply { ["dense_1.weight"] = descent.ones(2, 3),
              ["dense_1.bias"] = descent.ones(3) }
end
descent.checkpoint.save(os.getenv "FOLDER" .. "/state.safetensors",
  { model = model, optimizer = opt, rng = true, extra = { epoch = 2 } })
LUA
"$build/descent" run "$scratch/state.lua"
check $? "descent saves a checkpoint"
"$python" - <<'PYTHON'
import json
import os
from numpy import allclose, float32, float64, int64
from safetensors import safe_open
with safe_open(os.environ["FOLDER"] + "/state.safetensors", "np") as f:
    names = set(f.keys())
    for tensor, shape in (("dense_1.weight", (2, 3)), ("dense_1.bias", (3,))):
        assert f.get_tensor(tensor).shape == shape
        for slot in ("momentum", "velocity", "average"):
            x = f.get_tensor("descent.slots/%s/%s" % (slot, tensor))
            assert x.dtype == float32 and x.shape == shape
        assert f.get_tensor("descent.counters/updates/" + tensor) == 3
    momentum = f.get_tensor("descent.slots/momentum/dense_1.bias")
    assert allclose(momentum, 1 - 0.9 ** 3)
    assert f.get_tensor("descent.counters/iterations").dtype == int64
    assert f.get_tensor("descent.counters/iterations") == 3
    assert f.get_tensor("descent.slots/u_product").dtype == float64
    metadata = f.metadata()
    assert metadata["descent.optimizer"] == "nadam"
    assert metadata["descent.options/learning_rate"] == "0.1"
    assert json.loads(metadata["extra"]) == {"epoch": 2}
    assert "streams" in json.loads(metadata["rng"])
PYTHON
check $? "safetensors finds the state of the optimizer"
