-- SPDX-License-Identifier: MIT
-- Data sets: the shipped ones, splits and batches, and hostile .npy files.
local test = require "harness"
local descent = require "descent"
local npy = require "descent.npy"

local function counts(d)
  local list = {}
  for _, label in ipairs(d.y:totable()) do
    list[label + 1] = (list[label + 1] or 0) + 1
  end
  return list
end

test.case("the shipped data sets have their published sizes", function()
  for name, want in pairs {
    digits = { 1797, 64, 10, 178 }, iris = { 150, 4, 3, 50 },
    wine = { 178, 13, 3, 59 }, breast_cancer = { 569, 30, 2, 212 },
  } do
    local d = descent.data.load(name)
    test.equal(#d, want[1])
    test.equal(d.x.shape[2], want[2])
    test.equal(d.x.dtype, "f32")
    test.equal(d.classes, want[3])
    test.equal(counts(d)[1], want[4])
    test.equal(d.licence, "CC BY 4.0")
    test.ok(#d.source > 20)
  end
  local digits = descent.data.load("digits")
  test.equal(digits.x:min(), 0)
  test.equal(digits.x:max(), 16)
  local iris = descent.data.load("iris")
  test.near(iris.x:get(1, 1), 5.1, 1e-6)
  test.near(iris.x:get(150, 4), 1.8, 1e-6)
end)

test.case("an unknown data set is named with the nearest", function()
  test.raises(function() descent.data.load("digit") end,
              "unknown data set 'digit'; did you mean 'digits'?")
end)

test.case("scale and standardize make new data sets", function()
  local iris = descent.data.load("iris")
  local before = iris.x:clone()
  test.near(iris:scale(0.5).x:get(1, 1), 2.55, 1e-6)
  local flat, stats = iris:standardize()
  local mean = flat.x:sum_rows():mul_(1 / #flat)
  local square = flat.x:square():sum_rows():mul_(1 / #flat)
  test.ok(mean:close(descent.zeros(4), { atol = 1e-5 }))
  test.ok(square:close(descent.ones(4), { rtol = 1e-4 }))
  test.ok(iris:standardize(stats).x:equal(flat.x))
  test.ok(iris.x:equal(before))
  test.equal(flat.classes, 3)
end)

test.case("a constant column is only shifted", function()
  local d = descent.data.from({ { 1, 5 }, { 3, 5 } }, { 0, 1 }):standardize()
  test.ok(d.x:close(descent.tensor { { -1, 0 }, { 1, 0 } }))
end)

test.case("a stratified split keeps every class's share", function()
  local digits = descent.data.load("digits")
  local train, held = digits:split { test = 0.2, seed = 7, stratify = true }
  test.equal(#held, 359)
  test.equal(#train + #held, #digits)
  local all, some = counts(digits), counts(held)
  for class = 1, 10 do
    test.ok(math.abs(some[class] - 0.2 * all[class]) <= 1)
  end
end)

test.case("a split loses and doubles nothing and follows its seed", function()
  local rows = {}
  for i = 1, 50 do rows[i] = { i } end
  local labels = {}
  for i = 1, 50 do labels[i] = i % 3 end
  local d = descent.data.from(rows, labels)
  local train, held = d:split { test = 0.3, seed = 1, stratify = true }
  local seen = {}
  for _, part in ipairs { train, held } do
    for i = 1, #part do
      local value = math.tointeger(part.x:get(i, 1))
      test.ok(not seen[value])
      seen[value] = true
      test.equal(part.y[i], value % 3) -- targets stay with their rows
    end
  end
  test.equal(#seen, 50)
  local _, same = d:split { test = 0.3, seed = 1, stratify = true }
  local _, other = d:split { test = 0.3, seed = 2, stratify = true }
  test.ok(held.x:equal(same.x))
  test.ok(not held.x:equal(other.x))
end)

test.case("take and shuffle", function()
  local iris = descent.data.load("iris")
  test.equal(#iris:take(7), 7)
  test.ok(iris:take(7).x:equal(iris.x:rows(1, 7)))
  local mixed = iris:shuffle(3)
  test.ok(not mixed.x:equal(iris.x))
  test.ok(mixed.x:equal(iris:shuffle(3).x))
  test.equal(counts(mixed)[2], 50)
  test.raises(function() iris:take(151) end,
              "n = 151: expected an integer from 0 to 150")
end)

-- The order of one epoch as text.
local function walk(d, options)
  local text = {}
  for step, batch, epoch in d:batches(options) do
    local list = batch.x:reshape(-1):totable()
    for i, v in ipairs(list) do
      test.equal(batch.y[i], v % 2)
      list[i] = ("%d"):format(v)
    end
    text[step] = epoch .. ":" .. table.concat(list, ",")
  end
  return text
end

local function counting(n)
  local rows, labels = {}, {}
  for i = 1, n do rows[i], labels[i] = { i }, i % 2 end
  return descent.data.from(rows, labels)
end

test.case("batches cover every epoch once, in an order of its own", function()
  local d = counting(10)
  local text = walk(d, { size = 4, epochs = 3, seed = 5 })
  test.equal(#text, 3 * d:steps(4))
  local epochs = {}
  for e = 1, 3 do
    local seen = {}
    for i = 1, 3 do
      local epoch, values = text[(e - 1) * 3 + i]:match("^(%d+):(.*)$")
      test.equal(epoch, tostring(e))
      for v in values:gmatch("%d+") do seen[#seen + 1] = tonumber(v) end
    end
    epochs[e] = table.concat(seen, " ")
    table.sort(seen)
    test.equal(table.concat(seen, " "), "1 2 3 4 5 6 7 8 9 10")
  end
  test.ok(epochs[1] ~= epochs[2] and epochs[2] ~= epochs[3])
  local again = walk(d, { size = 4, epochs = 3, seed = 5 })
  test.equal(table.concat(again, "|"), table.concat(text, "|"))
end)

test.case("without shuffling, the order is the data set's", function()
  local text = walk(counting(5), { size = 2, shuffle = false })
  test.equal(table.concat(text, " "), "1:1,2 1:3,4 1:5")
  text = walk(counting(5), { size = 2, shuffle = false, drop_last = true })
  test.equal(table.concat(text, " "), "1:1,2 1:3,4")
  test.equal(counting(5):steps(2, true), 2)
end)

test.case("an iterator continues where a saved one stood", function()
  local d = counting(10)
  local options = { size = 3, epochs = 3, seed = 2 }
  local whole = walk(d, options)
  local first = d:batches(options)
  for _ = 1, 6 do first() end
  local rest = d:batches(options):seek(first:state())
  for step = 7, #whole do
    local got, batch, epoch = rest()
    test.equal(got, step)
    local list = batch.x:reshape(-1):totable()
    for i, v in ipairs(list) do list[i] = ("%d"):format(v) end
    test.equal(epoch .. ":" .. table.concat(list, ","), whole[step])
  end
  test.equal(rest(), nil)
  -- In the middle of the same epoch of another seed, too.
  local other = d:batches { size = 3, epochs = 3, seed = 9 }
  other()
  local _, batch = other:seek { seed = 2, step = 0 }()
  test.equal(("1:%d,%d,%d"):format(table.unpack(
             batch.x:reshape(-1):totable())), whole[1])
end)

test.case("wrong batches are named", function()
  test.raises(function() counting(3):batches { size = 0 } end,
              "size = 0: expected an integer >= 1")
  test.raises(function() counting(3):batches { siez = 1 } end,
              "unknown option 'siez'; did you mean 'size'?")
  test.raises(function() descent.data.from({ { 1 }, { 2 } }, { 0 }) end,
              "expected 2 rows, as many as x")
end)

-- A .npy file in format 1.0 with this header text and these bytes of data.
local function file(header, data)
  return "\x93NUMPY\1\0" .. string.pack("<s2", header) .. data
end

local GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"
local DATA = string.pack("<ff", 1.5, -2)

test.case("a good .npy file is read, its header in any order", function()
  test.ok(npy.decode(file(GOOD, DATA), "f"):equal(descent.tensor { 1.5, -2 }))
  local other = "{ 'shape':(1, 2), 'fortran_order':False, 'descr':'<f4' }"
  local x = npy.decode(file(other, DATA), "f")
  test.equal(table.concat(x.shape, ","), "1,2")
  local scalar = "{'descr': '<f8', 'fortran_order': False, 'shape': (), }"
  test.equal(npy.decode(file(scalar, string.pack("<d", 7)), "f"):item(), 7)
  local long = "\x93NUMPY\2\0" .. string.pack("<s4", GOOD) .. DATA
  test.equal(#npy.decode(long, "f"), 2)
end)

test.case("a file cut off anywhere is refused", function()
  local whole = file(GOOD, DATA)
  for length = 0, #whole - 1 do
    test.raises(function() npy.decode(whole:sub(1, length), "cut.npy") end,
                "cut.npy: ")
  end
  test.raises(function() npy.decode(whole .. "x", "f") end,
              "9 bytes of data, expected 8")
end)

test.case("hostile headers are refused", function()
  local function header(descr, order, shape)
    return ("{'descr': %s, 'fortran_order': %s, 'shape': %s, }"):format(
           descr, order, shape)
  end
  local cases = {
    { header("'<f4'", "True", "(2,)"), "fortran_order = True" },
    { header("'>f4'", "False", "(2,)"), "descr = '>f4'" },
    { header("'|O'", "False", "(2,)"), "descr = '|O'" },
    { header("[('a', '<f4')]", "False", "(2,)"), "f.npy: " },
    { header("'<f4'", "False", "(-2,)"), "shape = (-2,)" },
    { header("'<f4'", "False", "(2)"), "shape = (2)" },
    { header("'<f4'", "False", "(2.0,)"), "shape = (2.0,)" },
    { header("'<f4'", "False", "(0x2,)"), "shape = (0x2,)" },
    { header("'<f4'", "False", "(1,1,1,1,1,1,1,1,2)"), "at most 8" },
    { header("'<f4'", "False", "(1,,2)"), "shape = " },
    { header("'<f4'", "False", "(99999999999999999999,)"), "shape = " },
    { header("'<f4'", "False", "(999999999999,)"), "more than" },
    { header("'<f4'", "False", "(65536,65536)"), "more than" },
    { "{'descr': '<f4', 'fortran_order': False, }", "shape = nil" },
    { "{'descr': '<f4', 'shape': (2,), }", "fortran_order = nil" },
    { GOOD:gsub("}", "'descr': '<f4', }"), "malformed header" },
    { GOOD:gsub("}", "'x': 1, }"), "unknown header entry" },
    { "os.exit(1)", "no dictionary" },
    { "{}", "descr = nil" },
    { "", "no dictionary" },
  }
  for _, case in ipairs(cases) do
    local text, want = case[1], case[#case]
    test.raises(function() npy.decode(file(text, DATA), "f.npy") end, want)
  end
  test.raises(function() npy.decode("\x93NUMPY\9\0" .. DATA, "f") end,
              "format 9.0, expected 1.0, 2.0 or 3.0")
  test.raises(function() npy.decode("PK\3\4", "f") end, "not a .npy file")
  test.raises(function() npy.read("/nonexistent/x.npy") end,
              "/nonexistent/x.npy: No such file or directory")
end)

test.finish()
