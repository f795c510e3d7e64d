#!/bin/sh
# test_keras_config.sh BUILD SCRATCH - Keras reads the configurations that are
# written for it, and what it says of them is read here again.
set -u
build=$1
scratch=$2
python=${DESCENT_TEST_PYTHON:-python3}
export KERAS_BACKEND="${KERAS_BACKEND:-jax}"
if ! "$python" -c 'import keras; assert keras.__version__ >= "3"' 2>/dev/null; then
    echo "# not run: Python's Keras 3, which is not installed"
    exit 0
fi
export DESCENT_PLUGIN_PATH="$PWD/$build/plugins" FOLDER="$scratch"
number=0
check() {
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; fi
}

cat >"$scratch/write.lua" <<'LUA'
local descent = require "descent"
local schedule = descent.schedule
local cases = {
  { "sgd", {} }, { "sgd", { lr = 1, momentum = 1, nesterov = true } },
  { "adam", { amsgrad = true, clipnorm = 2 } }, { "AdamW", {} },
  { "adagrad", { use_ema = true, ema_overwrite_frequency = 2 } },
  { "rmsprop", { momentum = 0.5, centered = true, global_clipnorm = 1 } },
  { "adadelta", { gradient_accumulation_steps = 1, clipvalue = 0.5 } },
  { "adamax", { gradient_accumulation_steps = 4, loss_scale_factor = 8 } },
  { "nadam", { weight_decay = 0 } },
  { "adam", { flavour = "keras2", clipnorm = 3 } },
}
for _, s in ipairs {
  schedule.exponential_decay { initial_learning_rate = 1, decay_steps = 5, decay_rate = 0.5 },
  schedule.inverse_time_decay { initial_learning_rate = 1, decay_steps = 5, decay_rate = 0.5,
                                staircase = true },
  schedule.polynomial_decay { initial_learning_rate = 1, decay_steps = 5, cycle = true },
  schedule.piecewise_constant_decay { boundaries = { 3, 6 }, values = { 1, 0.5, 0.25 } },
  schedule.cosine_decay { initial_learning_rate = 1, decay_steps = 5 },
  schedule.cosine_decay { initial_learning_rate = 0, decay_steps = 5, warmup_target = 1,
                          warmup_steps = 3, alpha = 0.1 },
  schedule.cosine_decay_restarts { initial_learning_rate = 1, first_decay_steps = 3 },
} do
  cases[#cases + 1] = { "sgd", { learning_rate = s } }
end
local file <close> = assert(io.open(os.getenv "FOLDER" .. "/ours.jsonl", "w"))
for _, case in ipairs(cases) do
  local opt = descent.optimizer(case[1], nil, case[2])
  file:write(opt:config { dialect = "keras3", format = "json" }, "\n")
end
LUA
"$build/descent" run "$scratch/write.lua"
check $? "descent writes configurations for Keras"
"$python" - 2>"$scratch/said" <<'PYTHON'
import json, os
import keras
folder = os.environ["FOLDER"]
theirs = open(folder + "/theirs.jsonl", "w")
for line in open(folder + "/ours.jsonl"):
    ours = json.loads(line)
    optimizer = keras.optimizers.deserialize(json.loads(line))
    said = json.loads(json.dumps(keras.optimizers.serialize(optimizer)))
    a, b = ours["config"], said["config"]
    assert list(a) == list(b), (list(a), list(b))
    for key in a:
        if isinstance(a[key], dict):
            assert a[key]["class_name"] == b[key]["class_name"]
            for k, v in a[key]["config"].items():
                assert v == b[key]["config"][k], (line, k)
        elif isinstance(a[key], float):
            assert abs(a[key] - b[key]) <= 1e-7 * abs(a[key]), (line, key)
        else:
            assert a[key] == b[key], (line, key)
    rates = None
    if isinstance(a["learning_rate"], dict):
        schedule = optimizer._learning_rate
        rates = [float(schedule(n)) for n in range(20)]
    theirs.write(json.dumps({"whole": said, "alone": b, "rates": rates}) + "\n")
# What only Keras writes: a wrapper, and names that it made unique.
for optimizer in (keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), 8.0),
                  keras.optimizers.AdamW(), keras.optimizers.RMSprop()):
    said = json.loads(json.dumps(keras.optimizers.serialize(optimizer)))
    theirs.write(json.dumps({"whole": said, "alone": said["config"],
                             "rates": None}) + "\n")
theirs.close()
PYTHON
result=$?
[ $result -eq 0 ] || sed 's/^/# /' "$scratch/said"
check $result "Keras finds the keys that it expects, in its order, and the values"
cat >"$scratch/read.lua" <<'LUA'
local descent = require "descent"
local ours = {}
for line in io.lines(os.getenv "FOLDER" .. "/ours.jsonl") do ours[#ours + 1] = line end
local n = 0
for line in io.lines(os.getenv "FOLDER" .. "/theirs.jsonl") do
  n = n + 1
  local whole, alone, rates =
    line:match '^{"whole": (.*), "alone": (.*), "rates": ([^{]*)}$'
  local a, b = descent.optimizer(whole), descent.optimizer(alone)
  assert(a:config { format = "json" } == b:config { format = "json" }, whole)
  if n <= #ours then
    local first = descent.optimizer(ours[n]):config()
    for name, value in pairs(a:config().config) do
      local before = first.config[name]
      assert(value == before or type(value) == "table"
             or math.abs(value - before) <= 1e-7 * math.abs(before), name)
    end
  end
  local step = 0
  for rate in rates:gmatch "[%d.e-]+" do
    if rate:find "%d" then
      local schedule = descent.schedule.from_config(a:config().config.learning_rate)
      assert(math.abs(schedule(step) - tonumber(rate)) < 1e-5, whole)
      step = step + 1
    end
  end
end
assert(n == #ours + 3)
LUA
"$build/descent" run "$scratch/read.lua"
check $? "descent reads what Keras says of them, whole and alone"
