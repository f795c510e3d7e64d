-- SPDX-License-Identifier: MIT
-- The example scripts, run with their defaults where not said otherwise.
local test = require "harness"

local here = debug.getinfo(1, "S").source:match("^@(.*/)[^/]*$") or "./"
local directory = here .. "../../../scripts/examples/"

-- Run an example with these arguments and return the lines that it printed.
local function run(name, ...)
  local lines = {}
  local environment = setmetatable({
    print = function(text)
      for line in ((text or "") .. "\n"):gmatch("(.-)\n") do
        lines[#lines + 1] = line
      end
    end,
  }, { __index = _G })
  local script = assert(loadfile(directory .. name, "t", environment))
  local saved = _G.arg
  _G.arg = { [0] = name, ... }
  local ok, e = pcall(script)
  _G.arg = saved
  return lines, not ok and tostring(e) or nil
end

-- The lines that fit a pattern: what it captured, a list a line.
local function rows(lines, pattern)
  local found = {}
  for _, line in ipairs(lines) do
    local row = { line:match(pattern) }
    if row[1] then found[#found + 1] = row end
  end
  return found
end

test.case("rosenbrock.lua reaches its minima", function()
  local lines, e = run("rosenbrock.lua")
  test.equal(e, nil)
  local losses = rows(lines, "^%s*%d+  loss (%S+)")
  test.equal(#losses, 4)
  test.ok(tonumber(losses[4][1]) < 1e-6)
  local ends = rows(lines, "^adamax: (%S+) after (%d+) steps %((%a+)%)")
  test.ok(tonumber(ends[1][1]) < 1e-5)
  test.equal(ends[1][3], "tolerance")
  test.equal(#rows(lines, "^(bowl: gradient right)"), 1)
end)

test.case("custom_schedule.lua shows and follows its schedules", function()
  local lines, e = run("custom_schedule.lua")
  test.equal(e, nil)
  test.equal(#rows(lines, "^ *%d+ +(%d%S+) +(%d%S+) +(%d%S+)$"), 6)
  local ends = rows(lines, "^(%a+) +f = (%S+), last rate (%S+)$")
  test.equal(#ends, 3)
  for _, row in ipairs(ends) do test.ok(tonumber(row[2]) < 1e-8, row[1]) end
  test.equal(ends[1][3], "0.00500")
  test.equal(ends[2][3], "0.00020")
end)

test.case("compose_schedules.lua draws and follows its schedule", function()
  local lines, e = run("compose_schedules.lua")
  test.equal(e, nil)
  test.ok(lines[1]:find("^▁.*█.*  0.0001 to 0.08$"), lines[1])
  local ends = rows(lines, "^f = (%S+) at .*lr now (%S+)$")
  test.ok(tonumber(ends[1][1]) < 1e-6)
  test.ok(tonumber(ends[1][2]) < 1e-3)
end)

test.case("compare_optimizers.lua has a best rate for each of seven", function()
  local lines, e = run("compare_optimizers.lua", "--steps", "20")
  test.equal(e, nil)
  test.equal(#rows(lines, "^(%a+) .*%d%*"), 7)
end)

test.case("train_digits.lua reaches 96 % with three seeds", function()
  for seed = 0, 2 do
    local lines, e = run("train_digits.lua", "--seed", tostring(seed))
    test.equal(e, nil)
    local epochs = rows(lines, "^(%a+) +epoch +(%d+)/30 +loss %S+ +held out")
    test.equal(#epochs, 7 * 30)
    local table_rows = rows(lines, "^(%a+) +(%S+) +(%d+%.%d+) %% +%d+ +%S+$")
    test.equal(#table_rows, 7)
    local passed = 0
    for _, row in ipairs(table_rows) do
      if tonumber(row[3]) >= 96 then passed = passed + 1 end
    end
    test.ok(passed >= 5, ("seed %d: %d of 7"):format(seed, passed))
  end
end)

test.case("train_digits.lua fails when too few optimizers learn", function()
  local lines, e = run("train_digits.lua", "--epochs=1")
  test.ok(e and e:find("of 7 optimizers reached 96 %, expected 5", 1, true), e)
  test.equal(#rows(lines, "^(%a+) +epoch +1/1 "), 7)
end)

test.case("the same seed gives the same training", function()
  local function accuracies()
    local lines = run("train_digits.lua", "--epochs", "2", "--seed", "5")
    local text = {}
    for i, row in ipairs(rows(lines, "(loss .*)$")) do text[i] = row[1] end
    return table.concat(text, "\n")
  end
  local first = accuracies()
  test.ok(#first > 0)
  test.equal(accuracies(), first)
end)

test.finish()
