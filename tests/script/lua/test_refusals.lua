-- SPDX-License-Identifier: MIT
-- What would be wrong but quiet is refused: arguments left over, results on
-- top of operands, numbers that are not decimal; and divergence is a result.
local test = require "harness"
local descent = require "descent"

local function refused(piece, f, ...)
  local arguments = table.pack(...)
  local e = test.raises(function()
    return f(table.unpack(arguments, 1, arguments.n))
  end, piece)
  test.ok(descent.is_error(e), tostring(e))
end

test.case("arguments left over are refused", function()
  local o = descent.optimizer("sgd", descent.zeros(2))
  local schedule = descent.schedule
  refused("too many", o.set, o, "learning_rate", 5, 0, "bias")
  refused("group is a string", o.set, o, "learning_rate", 5, "bias")
  test.equal(o.lr, 0.01)
  refused("too many", o.get, o, "learning_rate", 0, "bias")
  refused("too many", o.step, o, function() return 0 end, {}, 1)
  refused("too many", o.apply, o, { x = descent.ones(2) }, {}, 1)
  refused("too many", o.add, o, descent.zeros(1), "b")
  local s = schedule.hold(1, 100)
  refused("too many", schedule.hold, 1, 100, 5)
  refused("too many", schedule.hold, { value = 1 }, 100)
  refused("too many", schedule.fn, function() return 1 end, 5, 6)
  refused("too many", schedule.chain, { s }, s)
  refused("too many", schedule.from_config, s:config(), 1)
  refused("too many", s.max, s, 1, 2)
  refused("too many", s.clamp, s, 1, 2, 3)
  refused("too many", s.cycle, s, 2)
  refused("too many", s.state, s, 1)
  refused("too many", descent.threads, 3, 4)
  refused("too many", descent.ones, 2, nil, 3)
  refused("too many", descent.full, { 2 }, 1, { dtype = "f64" }, 7)
  refused("too many", descent.tensor, { 1 }, { dtype = "f64" }, 7)
  refused("too many", descent.randn, { 2 }, {}, 7)
end)

test.case("a result cannot be an operand", function()
  local x = descent.tensor { { 1, 1 }, { 2, 2 } }
  refused("memory of its own", x.gather, x, { 2, 1 }, x)
  refused("memory of its own", x.gather, x, { 1 }, x:rows(2, 2))
  test.equal(x[1][1], 1)
  local y = descent.tensor { { 1, 2, 3 } }
  refused("memory of its own", y.sum_rows, y, y:reshape(3))
  local i = descent.tensor({ 2, 1 }, { dtype = "i64" })
  refused("memory of its own", i.gather, i, i, i)
end)

test.case("what an objective replaced is put back after its error", function()
  local w = descent.zeros(2)
  local o = descent.optimizer("sgd", { { name = "w", value = w } },
                              { learning_rate = 1 })
  local kept
  local function add_one(x, g)
    test.ok(x.w:equal(w))
    g.w:add_(descent.ones(2))
    return 0
  end
  pcall(o.step, o, function(x, g)
    x.w, g.w = 7, descent.full({ 2 }, 100)
    error "boom"
  end)
  o:step(add_one)
  test.equal(w[1], -1)
  pcall(o.step, o, function(_, g) g.w = 5 return 0 end)
  o:step(function(x, g) kept = g return add_one(x, g) end)
  kept.w = nil
  o:step(add_one)
  test.equal(w[2], -3)
end)

test.case("NaN is classified wrong, and is no error", function()
  local m = descent.model.logistic { inputs = 1 }
  local y = descent.tensor({ 0, 1 }, { dtype = "i64" })
  local nan = descent.full({ 2, 1 }, 0 / 0)
  local loss, metrics = m:loss { x = nan, y = y }
  test.ok(loss ~= loss)
  test.equal(metrics.accuracy, 0)
  for _, p in ipairs(m:params()) do p.value:zero_() end
  local _, none = m:loss { x = descent.ones(2, 1), y = y }
  test.equal(none.accuracy, 0)
end)

test.case("wrong objectives and points are errors with a place", function()
  local beale = descent.problem "beale"
  refused("problem:value(x)", beale, descent.tensor { 1, 1 })
  refused("", descent.check_gradient, function() return 1 end, { {} })
  refused("", descent.check_gradient, function() return 1 end, { 3 })
  local result = descent.minimize(function(x)
    return x[1]^2, { 2 * x[1] }
  end, { start = { 1.0 }, optimizer = "sgd", lr = 0.4, tolerance = 1e-3 })
  test.equal(result.reason, "tolerance")
  refused("", descent.minimize, function() return 1, { {} } end,
          { start = { 1.0 }, tolerance = 1e-3 })
end)

test.case("plugins() loads nothing", function()
  local maps = io.open("/proc/self/maps")
  if not maps then return print "# not run: there is no /proc" end
  maps:close()
  local function is_loaded(path)
    local file <close> = io.open("/proc/self/maps")
    return file:read("a"):find(path, 1, true) ~= nil
  end
  local loaded = 0
  for _, p in ipairs(descent.plugins()) do
    test.equal(p.path:match "([^/]*)%.so$", p.name)
    if is_loaded(p.path) then loaded = loaded + 1 end
  end
  test.equal(loaded, 2, "sgd and adam")
  local nadam = descent.plugins "nadam"
  test.equal(nadam.abi, 1)
  test.ok(is_loaded(nadam.path))
end)

test.case("a file without an end is read as far as its header goes", function()
  local npy = require "descent.npy"
  local zero = io.open("/dev/zero")
  if not zero then return print "# not run: there is no /dev/zero" end
  zero:close()
  refused("not a .npy file", npy.read, "/dev/zero")
end)

test.finish()
