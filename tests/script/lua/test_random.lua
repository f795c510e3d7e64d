-- SPDX-License-Identifier: MIT
-- Random streams: reproducible, independent, and of the right distribution.
local test = require "harness"
local core = require "descent.core"

test.case("a stream is a function of name and seed", function()
  local a, b = core.rng("a", 7), core.rng("a", 7)
  for _ = 1, 5 do test.equal(a:uniform(), b:uniform()) end
  test.ok(core.rng("b", 7):uniform() ~= core.rng("a", 7):uniform())
  test.ok(core.rng("a", 8):uniform() ~= core.rng("a", 7):uniform())
  test.equal(core.hash "", -3750763034362895579)
  test.equal(core.rng("a", 7).stream, core.hash "a")
end)

test.case("seed restarts the named streams, and math.random", function()
  core.seed(3)
  local stream = core.rng "noise"
  local first, other = stream:normal(), math.random()
  core.seed(3)
  test.equal(core.rng "noise", stream)
  test.equal(stream:normal(), first)
  test.equal(math.random(), other)
  core.seed(4)
  test.ok(stream:normal() ~= first)
end)

test.case("a state can be saved and loaded", function()
  local r = core.rng("a", 1)
  r:uniform()
  local state = r:state()
  local list = { r:uniform(), r:normal(), r:integer(1, 1000) }
  local again = core.rng("b", 2):load(state)
  test.equal(again:uniform(), list[1])
  test.equal(again:normal(), list[2])
  test.equal(again:integer(1, 1000), list[3])
  test.raises(function() r:load { seed = 1 } end, "stream is nil")
  test.raises(function() r:load(3) end, "state is a number")
end)

test.case("filling a tensor gives the numbers drawn one by one", function()
  local x = core.zeros({ 700 }, { dtype = "f64" })
  core.rng("a", 5):fill_normal_(x, 2, 3)
  local r = core.rng("a", 5)
  for i = 1, 700 do test.equal(x[i], r:normal(2, 3)) end
  test.ok(core.rand({ 700 }, { rng = core.rng("a", 5), dtype = "f64" })
            :equal(core.rng("a", 5):fill_uniform_(x)))
end)

test.case("distributions have their mean and spread", function()
  local r = core.rng("a", 1)
  local u = core.rand({ 100000 }, { rng = r, min = -1, max = 3 })
  test.near(u:mean(), 1, 0.02)
  test.ok(u:min() >= -1 and u:max() < 3)
  local n = core.randn({ 100000 }, { rng = r, mean = 5, std = 2 })
  test.near(n:mean(), 5, 0.03)
  test.near((n - n:mean()):norm() ^ 2 / 100000, 4, 0.1)
  local counts = { 0, 0, 0 }
  for _ = 1, 3000 do
    local k = r:integer(1, 3)
    counts[k] = counts[k] + 1
  end
  for k = 1, 3 do test.near(counts[k], 1000, 120) end
end)

test.case("permutations and shuffles hold every element once", function()
  local p = core.rng("a", 1):permutation(1000)
  local seen = {}
  for i = 1, 1000 do seen[p[i]] = true end
  test.equal(#seen, 1000)
  local list = {}
  for i = 1, 100 do list[i] = i end
  test.equal(core.rng("a", 1):shuffle(list), list)
  local sum, moved = 0, 0
  for i, v in ipairs(list) do
    sum = sum + v
    if v ~= i then moved = moved + 1 end
  end
  test.equal(sum, 5050)
  test.ok(moved > 80)
end)

test.case("wrong arguments are errors", function()
  local r = core.rng("a", 1)
  test.raises(function() r:integer(3, 1) end, "high = 1: expected 3 to")
  test.raises(function() r:permutation(-1) end, "n = -1")
  test.raises(function() r:shuffle() end, "expected a table")
  test.raises(function() core.rng() end, "name is nothing")
  test.raises(function() core.rng("a", 1.5) end, "seed = 1.5")
  test.raises(function() core.randn({ 2 }, { dtype = "u8" }) end,
              "random numbers need")
  test.raises(function() core.randn({ 2 }, { sigma = 1 }) end,
              "unknown option 'sigma': expected dtype, mean, std, rng")
  test.raises(function() core.randn({ 2 }, { rng = 3 }) end,
              "rng is a number: expected an Rng")
end)

test.finish()
