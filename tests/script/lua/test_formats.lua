-- SPDX-License-Identifier: MIT
-- Tensors in f16 and bf16: storage, conversion, and optimizers over them.
local test = require "harness"
local core = require "descent.core"

local function list(x)
  return table.concat(x:reshape(-1):totable(), " ")
end

test.case("16-bit tensors are made, shown and read", function()
  for _, dtype in ipairs { "f16", "bf16" } do
    local x = core.tensor({ { 1, -2 }, { 0.5, 3 } }, { dtype = dtype })
    test.equal(tostring(x), "Tensor[2,2] " .. dtype .. " [1, -2, 0.5, 3]")
    test.equal(x.dtype, dtype)
    test.equal(x:get(2, 2), 3.0)
    test.equal(list(x:row(1)), "1.0 -2.0")
    x[2][1] = 8
    test.equal(list(x), "1.0 -2.0 8.0 3.0")
    test.equal(x:sum(), 10.0)
    test.equal(x:max(), 8.0)
    test.equal(x:norm(1), 14.0)
    test.equal(x:argmax(), 3)
    test.equal(x:count_nonfinite(), 0)
    test.ok(x:equal(x:clone()))
    test.equal(list(core.zeros(2, { dtype = dtype })), "0.0 0.0")
    test.equal(list(core.full({ 2 }, 7, { dtype = dtype })), "7.0 7.0")
    test.equal(#x:bytes(), 8)
    test.ok(core.from_string(x:bytes(), dtype, { 2, 2 }):equal(x))
  end
end)

test.case("numbers are rounded to the nearest, and shown as short", function()
  local x = core.tensor { 1 / 3, 1e5, -65519, 1 + 2 ^ -8 }
  test.equal(tostring(x:to("f16")),
             "Tensor[4] f16 [0.3333, inf, -65504, 1.004]")
  test.equal(tostring(x:to("bf16")),
             "Tensor[4] bf16 [0.334, 99840, -65536, 1]")
  local wide = core.tensor({ 1 + 2 ^ -8 + 2 ^ -40 }, { dtype = "f64" })
  test.equal(wide:to("bf16"):item(), 1 + 2 ^ -7) -- not first to f32
  test.equal(wide:to("f32"):to("bf16"):item(), 1.0)
  local nan = core.tensor({ 0 / 0 }):to("f16"):item()
  test.ok(nan ~= nan)
end)

test.case("every dtype converts into every other", function()
  local dtypes = { "f32", "f64", "f16", "bf16", "u8", "i64" }
  for _, from in ipairs(dtypes) do
    local x = core.tensor({ 0, 1, 200 }, { dtype = from })
    for _, to in ipairs(dtypes) do
      local y = x:to(to)
      test.equal(y.dtype, to)
      test.ok(y:to("i64"):equal(x:to("i64")), from .. " to " .. to)
      test.ok(core.zeros(3, { dtype = to }):copy_(x):equal(y))
    end
  end
end)

test.case("arithmetic on 16 bits is refused, with what to do", function()
  local x = core.ones(2, { dtype = "bf16" })
  for _, f in ipairs {
    function() x:add_(1) end, function() return x + x end,
    function() return x:dot(x) end, function() x:exp_() end,
    function() return x:reshape(1, 2):matmul(x) end,
    function() x:softmax_rows_() end, function() x:clamp_(0, 1) end,
  } do
    test.raises(f, "")
  end
  test.raises(function() x:add_(1) end, 'convert it with x:to("f32")')
  test.raises(function() core.randn(2, { dtype = "f16" }) end,
              "random numbers need 'f32' or 'f64'")
  test.raises(function()
    core.ones(2, 2):pick_labels(core.zeros(2, { dtype = "f16" }))
  end, "expected i64 or u8")
end)

test.case("optimizers update 16-bit weights", function()
  for _, dtype in ipairs { "f16", "bf16" } do
    for _, master in ipairs { "none", "f32", "kahan", "stochastic" } do
      local x = core.tensor({ 4, -2 }, { dtype = dtype })
      local opt = core.optimizer("sgd", x, { learning_rate = 0.5,
                                             master = master,
                                             loss_scale_factor = 4 })
      local loss = opt:step(function(w, g)
        g:copy_(w)
        return 8
      end)
      test.equal(loss, 8.0)
      test.equal(list(x), "2.0 -1.0")
      opt:apply { x = core.tensor { 16, 0 } }
      test.equal(list(x), "0.0 -1.0")
    end
  end
end)

test.case("masters and their kin are seen, and made again", function()
  local x = core.tensor({ 1, 1 }, { dtype = "bf16" })
  local y = core.tensor { 1, 1 }
  local opt = core.optimizer("adam", { { name = "x", value = x },
                                       { name = "y", value = y } },
                             { multi_precision = true })
  local slots = opt:slots()
  test.equal(slots.x.master.dtype, "f32")
  test.equal(slots.x.momentum.dtype, "f32")
  test.equal(slots.y.master, nil)
  x:copy_ { 5, 6 }
  test.equal(opt:reload_master(), opt)
  test.equal(list(opt:slots("x").master), "5.0 6.0")
  local same = core.optimizer("adam", core.ones(2, { dtype = "f16" }),
                              { slot_dtype = "same", master = "kahan" })
  test.equal(same:slots().compensation.dtype, "f16")
  test.equal(same:slots().velocity.dtype, "f16")
end)

test.finish()
