-- SPDX-License-Identifier: MIT
-- States of optimizers as tables and files; Keras' flat lists; checkpoints.
local test = require "harness"
local descent = require "descent"
local core = require "descent.core"
local json = require "descent.json"

core.warn_sink(function() end)

local folder = os.tmpname()
os.remove(folder)
assert(os.execute("mkdir " .. folder))
local function at(name) return folder .. "/" .. name end

local function bytes_of(path)
  local f <close> = assert(io.open(path, "rb"))
  return f:read("a")
end

local function quadratic(x, g)
  local loss = 0
  for name, value in pairs(x) do
    g[name]:copy_(value)
    loss = loss + value:to("f64"):sum()
  end
  return loss
end

local function make(kind, options, dtype)
  return descent.optimizer(kind, {
    { name = "a", value = descent.tensor({ 1, -2 }, { dtype = dtype }) },
    { name = "layer/b", value = descent.ones(2, 2, { dtype = dtype }) },
  }, options)
end

local function run(opt, steps)
  for _ = 1, steps do opt:step(quadratic) end
  return opt
end

local function bits(opt)
  local parts = { opt.iterations, opt.updates }
  for _, p in ipairs(opt:params()) do
    parts[#parts + 1] = p.value:bytes()
    local slots = opt:slots(p.name)
    local names = {}
    for name in pairs(slots) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do parts[#parts + 1] = slots[name]:bytes() end
  end
  return table.concat(parts, "|")
end

-- ---- Tables ----------------------------------------------------------------

test.case("a state is a table by tensor and slot", function()
  local opt = run(make("nadam", { lr = 0.1 }), 3)
  local s = opt:state()
  test.equal(s.optimizer, "nadam")
  test.equal(s.version, "1")
  test.equal(s.holds, "state")
  test.equal(s.iterations, 3)
  test.equal(s.updates, 3)
  test.equal(s.seed, 0)
  test.equal(s.options.learning_rate, "0.1")
  test.equal(#s.slots.u_product, 1)
  test.equal(s.tensors.a.updates, 3)
  test.equal(s.tensors.a.value, nil)
  test.ok(s.tensors["layer/b"].slots.velocity:equal(
    opt:slots("layer/b").velocity))
  test.ok(not s.tensors.a.slots.velocity:is_view())
  test.ok(opt:state { weights = true }.tensors.a.value:equal(
    opt:param("a").value))
end)

test.case("a loaded state goes on as the first run", function()
  local cases = {
    { "sgd", { momentum = 0.9 } }, { "adam", { amsgrad = true } },
    { "nadam", { counter = "per_tensor" } }, { "adagrad", {} },
    { "rmsprop", { use_ema = true, gradient_accumulation_steps = 2 } },
    { "adam", { master = "f32" }, "bf16" },
  }
  for _, case in ipairs(cases) do
    local first = run(make(table.unpack(case)), 5)
    local state = first:state { weights = true }
    local second = make(table.unpack(case))
    local report = second:load(state)
    test.equal(report.count, 0)
    test.equal(bits(second), bits(first))
    test.equal(bits(run(second, 3)), bits(run(first, 3)))
  end
end)

test.case("a state survives what the optimizer does next", function()
  local opt = run(make("adam"), 2)
  local state, before = opt:state { weights = true }, bits(opt)
  run(opt, 4)
  test.ok(bits(opt) ~= before)
  opt:load(state)
  test.equal(bits(opt), before)
end)

test.case("schedules with a state come back", function()
  local function plateau()
    return descent.schedule.reduce_on_plateau { base_lr = 1, patience = 0 }
  end
  local s = plateau()
  local opt = make("sgd", { lr = s })
  for _ = 1, 3 do s:observe(opt:step(quadratic) + 100) end
  local state = opt:state()
  test.equal(#state.schedules.learning_rate, 4)
  local t = plateau()
  make("sgd", { lr = t }):load(state)
  test.equal(table.concat(t:state(), " "), table.concat(s:state(), " "))
end)

test.case("what differs is refused, listed, and nothing changes", function()
  local opt = run(make("adam"), 2)
  local before = bits(opt)
  local function changed(change)
    local s = run(make("adam"), 4):state { weights = true }
    change(s)
    return s
  end
  local cases = {
    { function(s) s.tensors.a = nil end, "1 difference: missing 'a'" },
    { function(s) s.tensors.c = s.tensors.a end,
      "1 difference: unexpected 'c'" },
    { function(s) s.tensors.a.slots.velocity = nil end,
      "1 difference: missing velocity of 'a'" },
    { function(s) s.tensors.a.slots.velocity = descent.ones(3) end,
      "velocity of 'a' has the shape [3], expected [2]" },
    { function(s) s.tensors.a.value = s.tensors.a.value:to("f64") end,
      "'a' is f64, expected f32" },
    { function(s) s.optimizer = "sgd" end,
      "the state is that of 'sgd': expected 'adam'" },
    { function(s) s.options.amsgrad = "true" end,
      "amsgrad is 'true' in the state, 'false' in the optimizer" },
    { function(s) s.iterations = nil end, "missing iterations" },
    { function(s) s.iterations = -1 end, "expected 0 or more" },
    { function(s) s.iterations = 1.5 end, "expected an integer" },
    { function(s) s.extra = true end, "'extra' is a boolean" },
    { function(s) s[1] = "x" end, "a key that is a number" },
    { function(s) s.tensors.a = 1 end, "'a' is a number" },
    { function(s) s.tensors.a.slots.velocity = 1 end, "is a number" },
    { function(s) s.tensors.a.value:free() end, "was freed" },
    { function(s) s.slots = { x = {} } end, "unexpected 'descent.slots/x'" },
    { function(s) s.slots = { x = true } end, "'x' is a boolean" },
    { function(s) for k in pairs(s) do s[k] = nil end end,
      "this is no state of an optimizer" },
  }
  for _, case in ipairs(cases) do
    test.raises(function() opt:load(changed(case[1])) end, case[2])
    test.equal(bits(opt), before)
  end
  for _, value in ipairs { 1, true, print, descent.ones(1) } do
    test.raises(function() opt:load(value) end, "expected")
  end
  test.raises(function() opt:load() end, "expected what state() gave")
  test.raises(function() opt:load({}, { stict = false }) end,
              "unknown option 'stict'")
  test.raises(function() opt:load({}, { strict = 1 }) end, "true or false")
  test.raises(function() opt:state { weights = 1 } end, "true or false")
  test.equal(bits(opt), before)
end)

test.case("strict = false takes what fits and returns the rest", function()
  local s = run(make("adam"), 4):state { weights = true }
  s.tensors.c, s.tensors.a = s.tensors.a, nil
  s.tensors["layer/b"].slots.momentum = descent.ones(5)
  local opt = make("adam")
  local report = opt:load(s, { strict = false })
  test.equal(report.count, 3)
  test.equal(report.missing[1], "a")
  test.equal(report.unexpected[1], "c")
  test.equal(report.shapes[1],
             "momentum of 'layer/b' has the shape [5], expected [2, 2]")
  test.equal(opt.iterations, 4)
  test.ok(opt:slots("layer/b").velocity:equal(
    s.tensors["layer/b"].slots.velocity))
end)

-- ---- Files -----------------------------------------------------------------

test.case("a file holds the state, and comes back", function()
  local path = at("o.safetensors")
  local opt = run(make("adam", { use_ema = true }), 3)
  test.equal(opt:save(path), opt)
  local before, first = bits(opt), bytes_of(path)
  run(opt, 2)
  opt:load(path)
  test.equal(bits(opt), before)
  opt:save(path, { tensors = { frozen = descent.ones(1) },
                   metadata = { note = "x" } })
  local tensors, texts = descent.load(path)
  test.equal(tensors.frozen:item(), 1)
  test.equal(tensors["descent.counters/iterations"]:item(), 3)
  test.equal(texts.note, "x")
  opt:load(path)
  opt:save(path)
  test.equal(bytes_of(path), first)
  test.raises(function() opt:save(path, { tensor = {} }) end,
              "unknown option 'tensor'")
  test.raises(function() opt:save(path, { metadata = { ["descent.x"] = "" } })
  end, "states use names")
  test.raises(function() opt:load(at("no.safetensors")) end, "No such file")
  test.raises(function() opt:with_ema(function() opt:save(path) end) end,
              "swap them back before the state is saved")
end)

-- ---- Flat lists ------------------------------------------------------------

local function shown(list)
  local parts = {}
  for i, item in ipairs(list) do
    parts[i] = core.type(item) and
      "[" .. table.concat(item.shape, ",") .. "]" or math.type(item)
  end
  return table.concat(parts, " ")
end

test.case("flat lists are Keras', and come back", function()
  local opt = run(make("nadam", { flavour = "keras2" }), 3)
  test.equal(shown(opt:weights()),
             "integer float [2] [2] [2,2] [2,2] float")
  local list = opt:weights { order = "keras2" }
  test.equal(shown(list), "integer float [2] [2,2] [2] [2,2]")
  local other = make("nadam", { flavour = "keras2" })
  test.equal(other:set_weights(list, { order = "keras2" }), other)
  test.equal(other.iterations, 3)
  test.ok(other:slots("a").velocity:equal(opt:slots("a").velocity))
  list[1] = descent.tensor({ 7 }, { dtype = "i64" }):reshape({})
  other:set_weights(list, { order = "keras2" })
  test.equal(other.iterations, 7)
  local before = bits(other)
  local cases = {
    { function(l) l[1] = 1.5 end, "iterations = 1.5" },
    { function(l) l[3] = descent.ones(4) end,
      "item 3, 'descent.slots/momentum/a', has the shape [4], expected [2]" },
    { function(l) l[6], l[5] = nil, nil end, "a list of 4 items: expected 6" },
    { function(l) l[2] = "x" end, "item 2 is a string" },
    { function(l) l[3] = descent.zeros(2, { dtype = "u8" }) end, "of u8" },
  }
  for _, case in ipairs(cases) do
    local bad = table.move(list, 1, #list, 1, {})
    case[1](bad)
    test.raises(function() other:set_weights(bad, { order = "keras2" }) end,
                case[2])
    test.equal(bits(other), before)
  end
  test.raises(function() other:weights { order = "keras4" } end,
              "expected \"keras3\" or \"keras2\"")
  test.raises(function() other:set_weights() end, "expected what weights()")
end)

-- ---- JSON ------------------------------------------------------------------

test.case("JSON brings values back as they were", function()
  local value = {
    a = 1, b = 1.0, c = "\u{20AC}\n\"\\\0x", d = { true, false, { 2^60 } },
    e = math.mininteger, f = -math.huge, g = 0.1, h = {}, i = { x = { 1 } },
  }
  local text = json.encode("f", "v", value)
  local back = json.decode("f", "v", text)
  test.equal(json.encode("f", "v", back), text)
  test.equal(math.type(back.a), "integer")
  test.equal(math.type(back.b), "float")
  test.equal(back.c, value.c)
  test.equal(back.e, math.mininteger)
  test.equal(back.f, -math.huge)
  test.equal(back.g, 0.1)
  test.equal(back.d[3][1], 2^60)
  test.equal(json.decode("f", "v", '"\\u20ac\\ud83d\\ude00"'), "€😀")
  for _, bad in ipairs { "", "{", "[1,]", "nul", "01", '{"a":1,"a":2}', "1 2",
                         '"\\ud800"', "[1", '{"a" 1}', "'a'", '"\n"',
                         ("["):rep(200) } do
    test.raises(function() json.decode("f", "v", bad) end, "no JSON at byte")
  end
  local loop = {}
  loop.loop = loop
  for _, bad in ipairs { { { 0 / 0 }, "expected a number" },
                         { { [2] = 1 }, "the key 2" },
                         { { print }, "plain table" },
                         { { "\xff" }, "UTF-8" }, { loop, "too deep" } } do
    test.raises(function() json.encode("f", "v", bad[1]) end, bad[2])
  end
end)

-- ---- Checkpoints -----------------------------------------------------------

local checkpoint = descent.checkpoint
local iris = descent.data.load "iris":standardize()

local function train(steps, path)
  descent.seed(path and 99 or 5)
  local model = descent.model.softmax { inputs = 4, classes = 3 }:init(1)
  local opt = descent.optimizer("adam", model, { lr = 0.05 })
  local batches = iris:batches { size = 16, epochs = 9, seed = path and 7 or 3 }
  local noise = descent.rng "noise"
  local all = { model = model, optimizer = opt, data = batches, rng = true }
  local extra
  if path then extra = checkpoint.load(path, all) else noise:normal() end
  for _ = 1, steps do
    local _, batch = batches()
    model:backward(batch)
    opt:step()
    opt:param("dense_1.bias").value:add_(noise:normal() * 1e-3)
  end
  return all, extra
end

test.case("a run goes on from a checkpoint bit for bit", function()
  local whole = train(25)
  local path = at("run.safetensors")
  local first = train(11)
  first.extra = { epoch = 1, best = math.huge, names = { "x", "y" } }
  checkpoint.save(path, first)
  local rest, extra = train(14, path)
  test.equal(bits(rest.optimizer), bits(whole.optimizer))
  test.equal(rest.data.step, 25)
  test.equal(extra.best, math.huge)
  test.equal(extra.names[2], "y")
  checkpoint.save(path, rest)
  local saved = bytes_of(path)
  checkpoint.load(path, rest)
  checkpoint.save(path, rest)
  test.ok(bytes_of(path) == saved)
end)

test.case("a checkpoint that does not fit changes nothing", function()
  local path = at("fit.safetensors")
  local all = train(3)
  checkpoint.save(path, { model = all.model, optimizer = all.optimizer })
  local other = train(5)
  local before, step = bits(other.optimizer), other.data.step
  local index = descent.rng("noise").index
  test.raises(function() checkpoint.load(path, other) end, "has no 'rng'")
  checkpoint.save(path, all)
  other.optimizer:set("lr", 0.5)
  local sgd = descent.optimizer("sgd", other.model, {})
  local mixed = { model = other.model, optimizer = sgd, data = other.data,
                  rng = true }
  local e = test.raises(function() checkpoint.load(path, mixed) end,
                        "that of 'adam'")
  test.equal(e.where, "descent.checkpoint.load")
  test.equal(e.code, "state")
  test.ok(e.message:find(path, 1, true) == 1, "got " .. e.message)
  test.equal(bits(other.optimizer), before)
  test.equal(other.data.step, step)
  test.equal(descent.rng("noise").index, index)
  local wide = descent.model.softmax { inputs = 5, classes = 3 }
  test.raises(function() checkpoint.load(path, { model = wide }) end,
              "'dense_1.weight' is f32 [4, 3], expected f32 [5, 3]")
  test.raises(function() checkpoint.save(path, { model = wide,
                                                 optimizer = sgd }) end,
              "a tensor 'dense_1.weight' of their own")
  test.raises(function() checkpoint.save(path, { modle = wide }) end,
              "did you mean 'model'?")
  test.raises(function() checkpoint.save(path, { extra = { print } }) end,
              "extra[1] = a function: expected")
end)

test.case("a model alone, and what inspect shows", function()
  local path = at("model.safetensors")
  local all = train(3)
  checkpoint.save(path, { model = all.model, extra = { loss = 0.5 } })
  local model = descent.model.softmax { inputs = 4, classes = 3 }
  test.equal(checkpoint.load(path, { model = model }).loss, 0.5)
  test.ok(model:params()[1].value:equal(all.model:params()[1].value))
  test.equal(checkpoint.inspect(path).optimizer, nil)
  checkpoint.save(path, all)
  local shown_file = checkpoint.inspect(path)
  test.equal(shown_file.optimizer, "adam")
  test.equal(shown_file.iterations, 3)
  test.equal(shown_file.options.learning_rate, "0.05")
  test.ok(shown_file.tensors["dense_1.weight"])
  test.equal(shown_file.tensors["descent.slots/momentum/dense_1.weight"], nil)
  test.ok(shown_file.metadata.rng)
end)

test.case("inspect shows a file that only looks like a state", function()
  local path = at("odd.safetensors")
  for _, name in ipairs { "tensors", "options", "metadata", "extra" } do
    core.save(path, { ["descent.counters/" .. name] = descent.ones(1),
                      ["descent.counters/iterations"] = descent.ones(2),
                      w = descent.ones(3) },
              { ["descent.options/lr"] = "1", note = "n", extra = '{"a":2}' })
    local seen = checkpoint.inspect(path)
    test.equal(seen.iterations, nil)
    test.equal(#seen.tensors.w, 3)
    test.equal(seen.options.lr, "1")
    test.equal(seen.metadata.note, "n")
    test.equal(seen.extra.a, 2)
  end
end)

test.case("random streams are loaded all or none", function()
  local before = descent.rng("half").index
  local asked = 0
  local late = setmetatable({}, { __index = function()
    asked = asked + 1
    if asked > 3 then error("late") end
    return 1
  end })
  local seed = core.rng_state().seed
  test.raises(function()
    core.rng_load { seed = 5, streams = {
      half = { seed = 1, stream = 2, index = before + 3 }, late = late } }
  end, "seed is nil")
  test.equal(asked, 0)
  test.equal(descent.rng("half").index, before)
  test.equal(core.rng_state().seed, seed)
end)

test.case("latest finds the newest whole checkpoint", function()
  local sub = at("runs")
  assert(os.execute("mkdir " .. sub))
  local none, why = checkpoint.latest(sub)
  test.equal(none, nil)
  test.ok(descent.is_error(why))
  test.ok(tostring(why):find("has no checkpoint", 1, true))
  local all = train(1)
  for i, name in ipairs { "a", "b", "c" } do
    checkpoint.save(sub .. "/" .. name .. ".safetensors", all)
    os.execute(("touch -d '2020-01-0%d' %s/%s.safetensors"):format(i, sub,
                                                                   name))
  end
  test.equal(checkpoint.latest(sub), sub .. "/c.safetensors")
  local f <close> = assert(io.open(sub .. "/c.safetensors", "r+b"))
  f:seek("end", -1)
  f:write("\1")
  f:close()
  os.execute("touch -d 2020-02-01 " .. sub .. "/c.safetensors")
  test.equal(checkpoint.latest(sub), sub .. "/b.safetensors")
  none, why = checkpoint.latest("/nowhere")
  test.equal(none, nil)
  test.ok(tostring(why):find("/nowhere: No such file", 1, true))
end)

os.execute("rm -r " .. folder)
test.finish()
