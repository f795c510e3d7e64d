-- SPDX-License-Identifier: MIT
-- Row-sparse gradients: making them, and steps with them.
local test = require "harness"
local core = require "descent.core"

local function list(x)
  return table.concat(x:totable(), " ")
end

local function first_column(x)
  local t = {}
  for i = 1, #x do t[i] = x:get(i, 1) end
  return table.concat(t, " ")
end

test.case("rows are numbered from 1, by a list or by any Tensor", function()
  for _, indices in ipairs {
    { 3, 1 }, core.tensor({ 3, 1 }, { dtype = "i64" }),
    core.tensor({ 3, 1 }, { dtype = "u8" }), core.tensor { 3, 1 },
  } do
    local x = core.zeros(3, 2)
    local opt = core.optimizer("sgd", x, { learning_rate = 1 })
    local g = core.row_sparse(indices, core.tensor { { 1, 2 }, { 3, 4 } }, 3)
    local report = opt:apply { x = g }
    test.equal(report.updated, 1)
    test.equal(list(x:reshape(6)), "-3.0 -4.0 0.0 0.0 -1.0 -2.0")
  end
end)

test.case("it shows what it is, and cannot be changed", function()
  local values = core.ones(3, 2, { dtype = "bf16" })
  local g = core.row_sparse({ 5, 1, 5 }, values, 6)
  test.equal(tostring(g), "RowSparse[6,2] bf16 of rows [5, 1, 5]")
  test.equal(core.type(g), "RowSparse")
  test.equal(list(g.indices), "5 1 5")
  test.equal(g.indices.dtype, "i64")
  test.equal(g.values, values)
  test.equal(g.rows, 6)
  test.equal(table.concat(g.shape, " "), "6 2")
  test.equal(tostring(core.row_sparse({}, core.zeros(0, 3), 2)),
             "RowSparse[2,3] f32 of rows []")
  local all = {}
  for i = 1, 9 do all[i] = i end
  test.equal(tostring(core.row_sparse(all, core.zeros(9), 9)),
             "RowSparse[9] f32 of rows [1, 2, 3, 4, 5, 6, 7, 8, …]")
  test.raises(function() g.rows = 3 end, "a RowSparse cannot be changed")
  test.raises(function() return g.row end, "did you mean 'rows'?")
  test.equal(g.rows, 6)
end)

test.case("its numbers are copied, its values are not", function()
  local numbers = core.tensor({ 2 }, { dtype = "i64" })
  local values = core.ones(1, 1)
  local g = core.row_sparse(numbers, values, 2)
  numbers:set_(1, 1)
  values:fill_(4)
  local x = core.zeros(2, 1)
  core.optimizer("sgd", x, { learning_rate = 1 }):apply { x = g }
  test.equal(first_column(x), "0.0 -4.0")
end)

test.case("mistakes are named where they are made", function()
  local v = core.ones(2, 2)
  for _, case in ipairs {
    { { { 1, 7 }, v, 6 }, "index 2 = 7: expected 1 to 6" },
    { { { 0, 1 }, v, 6 }, "index 1 = 0: expected 1 to 6" },
    { { { 1, -1 }, v, 6 }, "index 2 = -1: expected 1 to 6" },
    { { { 1, 1 << 62 }, v, 6 }, "index 2 = 4611686018427387904" },
    { { { 1, 1.5 }, v, 6 }, "i64 cannot hold 1.5" },
    { { core.tensor { 1, 1.5 }, v, 6 }, "i64 cannot hold 1.5" },
    { { core.ones(2, 2), v, 6 }, "indices is i64 [2,2]: expected i64 [n]" },
    { { 3, v, 6 }, "indices is a number: expected a list of row numbers" },
    { { nil, v, 6 }, "indices is nil" },
    { { { 1 }, v, 6 }, "values is f32 [2,2]: expected 1 rows, one for each" },
    { { {}, core.full({}, 1), 6 }, "values is f32 []: expected 0 rows" },
    { { { 1 }, { 1 }, 6 }, "values is a table: expected a Tensor" },
    { { { 1 }, core.ones(1, { dtype = "i64" }), 6 }, "this Tensor is i64" },
    { { { 1, 2 }, v }, "rows is nil: expected an integer" },
    { { {}, core.ones(0, 2), -1 }, "rows = -1: expected at least 0" },
    { { { 1, 2 }, v, 6, 1 }, "an argument too many" },
  } do
    local e = test.raises(function()
      core.row_sparse(table.unpack(case[1], 1, 4 - (case[1][4] and 0 or 1)))
    end, case[2])
    test.equal(e.where, "descent.row_sparse")
  end
end)

test.case("a step refuses what does not fit, and changes nothing", function()
  local x, y = core.ones(3, 2), core.ones(2)
  local opt = core.optimizer("sgd", { { name = "x", value = x },
                                      { name = "y", value = y } })
  local v = core.ones(1, 2)
  test.raises(function() opt:apply { x = core.row_sparse({ 1 }, v, 4) } end,
              "gradient of 'x': shape [4, 2], expected [3, 2]")
  test.raises(function()
    opt:apply { x = core.row_sparse({ 1 }, v, 3),
                y = core.row_sparse({ 1 }, v, 2) }
  end, "gradient of 'y': shape [2, 2], expected [2]")
  test.raises(function()
    opt:apply { x = core.row_sparse({ 1 }, x:rows(2, 2), 3) }
  end, "overlaps the weights of 'x'")
  test.raises(function() opt:apply { x = 1 } end,
              "the gradient of 'x' is a number: expected a Tensor, or what "
              .. "descent.row_sparse makes")
  local freed = core.row_sparse({ 1 }, core.ones(1, 2), 3)
  freed.values:free()
  test.raises(function() opt:apply { x = freed } end, "the Tensor was freed")
  test.equal(tostring(freed), "RowSparse[3,2] f32 of rows [1]")
  test.equal(first_column(x), "1.0 1.0 1.0")
  test.equal(opt.iterations, 0)
end)

test.case("an objective's gradient is dense", function()
  local x = core.ones(2, 2)
  local opt = core.optimizer("sgd", x)
  local g = core.row_sparse({ 1 }, core.ones(1, 2), 2)
  test.raises(function() opt:step(function() return 1, g end) end,
              "a RowSparse")
  test.raises(function()
    core.optimizer("sgd", { { name = "x", value = core.ones(1), grad = g } })
  end, "'x': grad is a RowSparse: expected a Tensor")
  test.equal(first_column(x), "1.0 1.0")
end)

test.case("lazily only the listed rows change", function()
  local values = core.ones(2, 1)
  local some = core.row_sparse({ 3, 1 }, values, 4)
  local none = core.row_sparse({}, core.zeros(0, 1), 4)
  local function run(options)
    options.learning_rate, options.weight_decay = 0.5, 0.5
    local x = core.ones(4, 1)
    local opt = core.optimizer("sgd", x, options)
    opt:apply { x = some }
    opt:apply { x = none }
    test.equal(opt.updates, 2)
    return first_column(x)
  end
  test.equal(run { lazy_update = true }, "0.25 1.0 0.25 1.0")
  test.equal(run { sparse = "lazy" }, "0.25 1.0 0.25 1.0")
  test.equal(run {}, "0.1875 0.5625 0.1875 0.5625")
  test.raises(function() run { sparse = "dense", lazy_update = true } end,
              "two names of one option")
  test.raises(function() run { sparse = "lazily" } end,
              "expected \"dense\" or \"lazy\"")
end)

test.case("the rows of a window are seen as a slot", function()
  local opt = core.optimizer("sgd", core.ones(4, 1), {
    sparse = "lazy", gradient_accumulation_steps = 2,
  })
  opt:apply { x = core.row_sparse({ 3, 1 }, core.ones(2, 1), 4) }
  local rows = opt:slots().gradient_accumulator_rows
  test.equal(rows.dtype, "u8")
  test.equal(list(rows), "1 0 1 0")
end)

test.case("a schedule that frees the values cannot reach them", function()
  local x, values = core.zeros(2, 1), core.ones(1, 1)
  local g = core.row_sparse({ 2 }, values, 2)
  local freed
  local opt = core.optimizer("sgd", x, {
    learning_rate = function()
      freed = freed or { pcall(values.free, values) }
      collectgarbage()
      return 1
    end,
  })
  opt:apply { x = g }
  test.equal(freed[1], false)
  test.equal(first_column(x), "0.0 -1.0")
end)

test.finish()
