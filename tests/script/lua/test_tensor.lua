-- SPDX-License-Identifier: MIT
-- Tensors: construction, views, arithmetic, reductions, text.
local test = require "harness"
local core = require "descent.core"

-- The elements as one string, to compare at a glance.
local function list(x)
  return table.concat(x:reshape(-1):totable(), " ")
end

test.case("constructors give shape, dtype and values", function()
  test.equal(tostring(core.tensor { { 1, 2 }, { 3, 4 } }),
             "Tensor[2,2] f32 [1, 2, 3, 4]")
  test.equal(tostring(core.zeros(2, 3)), "Tensor[2,3] f32 [0, 0, 0, 0, 0, 0]")
  test.equal(tostring(core.ones({ 2 }, { dtype = "u8" })),
             "Tensor[2] u8 [1, 1]")
  test.equal(tostring(core.full({ 1, 2 }, -3, { dtype = "i64" })),
             "Tensor[1,2] i64 [-3, -3]")
  test.equal(tostring(core.arange(3, { dtype = "f64" })),
             "Tensor[3] f64 [0, 1, 2]")
  test.equal(tostring(core.tensor(5)), "Tensor[] f32 [5]")
  test.equal(tostring(core.zeros({})), "Tensor[] f32 [0]")
  test.equal(tostring(core.tensor {}), "Tensor[0] f32 []")
  test.equal(core.zeros(0, 4):numel(), 0)
end)

test.case("shapes and lists that cannot be are refused", function()
  test.raises(function() core.zeros(-1) end, "shape = -1: expected at least 0")
  test.raises(function() core.zeros(1, 1, 1, 1, 1, 1, 1, 1, 1) end,
              "more than 8 dimensions")
  test.raises(function() core.zeros(1 << 40, 1 << 40) end,
              "more than 2^48 elements")
  test.raises(function() core.zeros(0, 1 << 40, 1 << 40) end,
              "more than 2^48 elements")
  test.raises(function() core.zeros(2.5) end,
              "shape = 2.5: expected an integer")
  test.raises(function() core.zeros(2, { dtpye = "f32" }) end,
              "unknown option 'dtpye': expected dtype")
  test.raises(function() core.zeros(2, { dtype = "f8" }) end,
              "dtype = 'f8': expected")
  test.raises(function() core.tensor { { 1, 2 }, { 3 } } end,
              "row 2 of the list has 1 entries: expected 2")
  test.raises(function() core.tensor { 1, "2" } end,
              "entry 2 of the list is a string")
  test.raises(function() core.tensor { { 1 }, 2 } end, "needs a list of 1")
  local deep = {}
  deep[1] = deep
  test.raises(function() core.tensor(deep) end, "nested deeper than 8")
end)

test.case("integers that a dtype cannot hold are refused, and change nothing",
          function()
  local x = core.tensor({ 1, 2, 3 }, { dtype = "u8" })
  test.raises(function() x:copy_ { 7, 8, 256 } end, "u8 cannot hold 256")
  test.raises(function() x:copy_(core.tensor { 7, 8, 0.5 }) end,
              "u8 cannot hold 0.5")
  test.raises(function() x[1] = -1 end, "u8 cannot hold -1")
  test.raises(function() core.tensor({ 0 / 0 }, { dtype = "i64" }) end,
              "i64 cannot hold")
  test.raises(function() core.tensor({ 2 ^ 63 }, { dtype = "i64" }) end,
              "i64 cannot hold")
  test.equal(list(x), "1 2 3")
  local big = core.tensor({ math.maxinteger, math.mininteger },
                          { dtype = "i64" })
  test.equal(big[1], math.maxinteger)
  test.equal(big[2], math.mininteger)
end)

test.case("bytes go in and out unchanged", function()
  local x = core.from_string(string.pack("<i4i4", -5, 7), "i32", { 2 })
  test.equal(tostring(x), "Tensor[2] i64 [-5, 7]")
  local bytes = string.pack("<ddd", 1.5, -0.0, 1 / 3)
  test.equal(core.from_string(bytes, "f64", { 3 }):bytes(), bytes)
  test.raises(function() core.from_string(bytes, "f64", { 4 }) end,
              "bytes has 24 bytes: 4 elements of f64 need 32")
  test.raises(function() core.from_string(bytes, "f8", { 24 }) end,
              "dtype = 'f8'")
  test.raises(function() core.from_string("", "u8", { 0, 1 << 60 }) end,
              "2^48")
end)

test.case("elements are read and written by 1-based index", function()
  local x = core.tensor { { 1, 2 }, { 3, 4 } }
  test.equal(x:get(2, 1), 3)
  x:set_(2, 1, 30)
  test.equal(x[2][1], 30)
  x[1] = { 5, 6 }
  x[2] = 7
  test.equal(list(x), "5.0 6.0 7.0 7.0")
  test.equal(#x, 2)
  test.equal(core.tensor(4):item(), 4)
  for _, i in ipairs { 0, 3, -1 } do
    test.raises(function() return x[i] end, "expected 1 to 2")
  end
  test.raises(function() return x[1.5] end, "index = 1.5: expected an integer")
  test.raises(function() return x:get(1) end, "1 indices given")
  test.raises(function() x:set_(1) end, "indices given")
  test.raises(function() return x:item() end, "4 elements: expected one")
  test.raises(function() x.y = 1 end, "Tensor: field 'y' cannot be set")
  test.raises(function() return #core.tensor(1) end, "no rows")
end)

test.case("views share memory and keep it alive", function()
  local row
  do
    local x = core.tensor { { 1, 2 }, { 3, 4 } }
    row = x:row(2)
    x:rows(2, 2):fill_(9)
  end
  collectgarbage()
  collectgarbage()
  test.equal(list(row), "9.0 9.0")
  test.ok(row:is_view())
  local x = core.arange(6)
  test.equal(x:reshape(2, -1).shape[2], 3)
  test.equal(x:rows(3, 2):numel(), 0)
  test.raises(function() x:reshape(4, 2) end,
              "has 6 elements: the new shape needs 8")
  test.raises(function() x:reshape(-1, -1) end, "-1 more than once")
  test.raises(function() x:rows(3, 7) end, "last row = 7")
  test.raises(function() x:row(7) end, "row = 7: expected 1 to 6")
end)

test.case("overlapping views are refused", function()
  local x = core.arange(5)
  test.raises(function() x:rows(1, 4):copy_(x:rows(2, 5)) end, "overlapping")
  test.raises(function() x:rows(1, 4):add_(x:rows(2, 5)) end, "overlapping")
  test.equal(list(x:add_(x)), "0.0 2.0 4.0 6.0 8.0")
end)

test.case("a freed tensor, and its views, are errors", function()
  local x = core.ones(3)
  local view = x:rows(1, 2)
  x:free()
  test.equal(tostring(x), "Tensor[3] f32 (freed)")
  test.raises(function() return x[1] end, "was freed")
  test.raises(function() return view:sum() end, "was freed")
  x:free()
  local kept
  do
    local y <close> = core.ones(3)
    kept = y
  end
  test.raises(function() return kept + 1 end, "was freed")
end)

test.case("a read-only view cannot be written", function()
  local x = core.ones(3)
  local r = x:readonly()
  test.raises(function() r[1] = 2 end, "read-only")
  test.raises(function() r:rows(1, 2):add_(1) end, "read-only")
  test.raises(function() x:clone():matmul(core.ones(3, 3), { out = r }) end,
              "read-only")
  x[1] = 5
  test.equal(r[1], 5)
  test.ok(r:is_readonly() and not x:is_readonly())
  test.equal(list(r:add(1)), "6.0 2.0 2.0")
end)

test.case("arithmetic is element by element, in place with _", function()
  local x, y = core.tensor { 1, -2, 3 }, core.tensor { 2, 2, -1 }
  local cases = {
    { x + y, "3.0 0.0 2.0" }, { x - 1, "0.0 -3.0 2.0" },
    { 1 - x, "0.0 3.0 -2.0" }, { x * y, "2.0 -4.0 -3.0" },
    { 6 / y, "3.0 3.0 -6.0" }, { -x, "-1.0 2.0 -3.0" },
    { x:add(y, 10), "21.0 18.0 -7.0" }, { x:abs(), "1.0 2.0 3.0" },
    { x:sign(), "1.0 -1.0 1.0" }, { x:square(), "1.0 4.0 9.0" },
    { x:relu(), "1.0 0.0 3.0" }, { x:max(y), "2.0 2.0 3.0" },
    { x:min(0), "0.0 -2.0 0.0" }, { x:clamp(-1, 2), "1.0 -1.0 2.0" },
    { x:lerp(y, 0.5), "1.5 0.0 1.0" }, { y:pow(2), "4.0 4.0 1.0" },
    { x:addcmul(x, y, 2), "5.0 -10.0 -3.0" },
    { x:addcdiv(x, y), "1.5 -3.0 0.0" },
    { x:where(core.tensor({ 1, 0, 1 }, { dtype = "u8" }), 9), "1.0 9.0 3.0" },
    { x:relu_gradient(y), "1.0 -2.0 0.0" },
    { x:tanh_gradient(y), "-3.0 6.0 0.0" },
    { x:sigmoid_gradient(y), "-2.0 4.0 -6.0" },
    { x:add(core.tensor { 1 }), "2.0 -1.0 4.0" },
  }
  for i, case in ipairs(cases) do
    test.equal(list(case[1]), case[2], "case " .. i)
  end
  test.equal(list(x), "1.0 -2.0 3.0")
  test.equal(x:sub_(y):neg_(), x)
  test.equal(list(x), "1.0 4.0 -4.0")
end)

test.case("functions agree with Lua's", function()
  local x = core.tensor({ 0.25, 1, 2 }, { dtype = "f64" })
  for _, name in ipairs { "exp", "log", "sqrt", "sin", "cos" } do
    for i = 1, 3 do
      test.near(x[name](x)[i], math[name](x[i]), 1e-15, name)
    end
  end
  test.near(x:tanh()[2], (math.exp(2) - 1) / (math.exp(2) + 1), 1e-15)
  test.near(x:sigmoid()[3], 1 / (1 + math.exp(-2)), 1e-15)
  test.near(x:reciprocal()[1], 4, 0)
end)

test.case("NaN and infinity are kept", function()
  local x = core.tensor { 0 / 0, math.huge, -math.huge }
  for _, y in ipairs { x:max(0), x:min(0), x:relu(), x:sign(),
                       x:clamp(-1, 1) } do
    test.ok(y[1] ~= y[1])
  end
  test.equal(x:sign()[2], 1)
  test.equal(x:relu()[3], 0)
  test.equal(x:count_nonfinite(), 3)
  test.ok(x:max() ~= x:max())
  test.equal(x:argmax(), 1)
end)

test.case("operands that do not match are named", function()
  local x = core.ones(2, 3)
  test.raises(function() return x + core.ones(3, 2) end,
              "f32 [2,3] does not go with f32 [3,2]")
  test.raises(function() x:add_(core.ones({ 2, 3 }, { dtype = "f64" })) end,
              "f32 [2,3] does not go with f64 [2,3]")
  test.raises(function() return core.ones({ 2 }, { dtype = "i64" }) + 1 end,
              "arithmetic needs dtype f32 or f64, this Tensor is i64")
  test.raises(function() return x + "a" end, "expected a number")
  test.raises(function() x:clamp_(2, 1) end, "expected low <= high")
  test.raises(function() x.add_(1) end, "call methods with ':'")
end)

test.case("softmax and its logarithm do not overflow", function()
  local x = core.tensor({ { 1000, 1000 }, { 0, math.log(3) } },
                        { dtype = "f64" })
  local p, l = x:softmax(), x:log_softmax()
  test.near(p:get(1, 1), 0.5, 1e-15)
  test.near(p:get(2, 2), 0.75, 1e-15)
  test.near(l:get(1, 2), -math.log(2), 1e-15)
  test.near(l:get(2, 1), -math.log(4), 1e-15)
end)

test.case("sums are exact where floats would drift", function()
  local x = core.full(1000003, 0.1)
  test.near(x:sum(), 1000003 * x[1], 1e-6)
  test.near(x:mean(), x[1], 1e-14)
  test.near(x:norm(), math.sqrt(1000003) * x[1], 1e-9)
  test.near(x:norm(1), x:sum(), 0)
  test.equal(x:norm(math.huge), x[1])
  test.near(x:dot(x), x:norm() ^ 2, 1e-9)
  test.equal(core.arange(5, { dtype = "i64" }):sum(), 10)
  test.equal(math.type(core.arange(5, { dtype = "u8" }):sum()), "integer")
  test.raises(function() return core.zeros(0):mean() end, "no elements")
  test.raises(function() return x:norm(3) end, "p = 3.0: expected")
end)

test.case("comparison is by bits, or within tolerances", function()
  local x, y = core.tensor { 0.0, 1 }, core.tensor { -0.0, 1 }
  test.ok(not x:equal(y))
  test.ok(x:close(y))
  test.ok(not x:equal(x:to("f64")))
  test.ok(x:close(core.tensor { 0, 1.5 }, { atol = 0.5 }))
  test.ok(not x:close(core.tensor { 0, math.huge }))
  test.ok(not core.tensor { 0 / 0 }:close(core.tensor { 0 / 0 }))
  test.raises(function() x:close(y, { tol = 1 }) end,
              "unknown option 'tol': expected rtol, atol")
end)

test.case("a matrix product in all its forms", function()
  local a, b = core.tensor { { 1, 2, 3 }, { 4, 5, 6 } },
               core.tensor { { 1, 0 }, { 0, 1 }, { 1, 1 } }
  test.equal(list(a:matmul(b)), "4.0 5.0 10.0 11.0")
  test.equal(list(a:matmul(a, { tb = true })), "14.0 32.0 32.0 77.0")
  test.equal(list(a:matmul(a, { ta = true }):row(1)), "17.0 22.0 27.0")
  test.equal(list(b:matmul(a, { ta = true, tb = true })), "4.0 10.0 5.0 11.0")
  test.equal(list(a:matmul(core.ones(3))), "6.0 15.0")
  test.equal(list(core.ones(2):matmul(a)), "5.0 7.0 9.0")
  local out = core.ones(2, 2)
  test.equal(a:matmul(b, { out = out, add = true }), out)
  test.equal(list(out), "5.0 6.0 11.0 12.0")
  test.equal(list(core.zeros(2, 0):matmul(core.zeros(0, 2))),
             "0.0 0.0 0.0 0.0")
  local d = a:to("f64"):matmul(b:to("f64"))
  test.equal(d.dtype, "f64")
  test.equal(list(d), "4.0 5.0 10.0 11.0")
end)

test.case("a matrix product that cannot be is refused", function()
  local a = core.ones(2, 3)
  test.raises(function() a:matmul(a) end, "the inner sizes are 3 and 2")
  test.raises(function() a:matmul(core.ones({ 3, 2 }, { dtype = "f64" })) end,
              "does not multiply")
  test.raises(function() a:matmul(core.ones(3, 2), { out = a }) end,
              "the product is [2,2]")
  local square = core.ones(2, 2)
  test.raises(function() square:matmul(square, { out = square }) end,
              "out is one of the operands")
  test.raises(function() a:matmul(core.ones(3, 2), { add = true }) end,
              "needs out")
  test.raises(function() a:matmul(core.ones(3, 2), { trans = true }) end,
              "unknown option 'trans': expected ta, tb, out, add")
  test.raises(function() core.ones(3):matmul(core.ones(3)) end,
              "does not multiply")
end)

test.case("rows: broadcast, sums, gathering", function()
  local x = core.tensor { { 1, 2 }, { 3, 4 }, { 5, 6 } }
  local v = core.tensor { 10, 20 }
  test.equal(list(x:clone():add_row_(v)), "11.0 22.0 13.0 24.0 15.0 26.0")
  test.equal(list(x:clone():sub_row_(v)), "-9.0 -18.0 -7.0 -16.0 -5.0 -14.0")
  test.equal(list(x:clone():mul_row_(v):row(3)), "50.0 120.0")
  test.equal(list(x:clone():div_row_(core.tensor { 2, 4 }):row(3)), "2.5 1.5")
  test.equal(list(x:sum_rows()), "9.0 12.0")
  test.equal(list(x:sum_rows(v, true)), "19.0 32.0")
  test.equal(list(x:sum_rows(v)), "9.0 12.0")
  test.equal(list(x:sum_columns()), "3.0 7.0 11.0")
  test.equal(list(x:gather { 3, 1 }), "5.0 6.0 1.0 2.0")
  local order = core.tensor({ 2, 2 }, { dtype = "i64" })
  local out = core.zeros(2, 2)
  test.equal(x:gather(order, out), out)
  test.equal(list(out), "3.0 4.0 3.0 4.0")
  test.raises(function() x:gather { 4 } end, "index 1 = 4: expected 1 to 3")
  test.raises(function() x:gather { 0 } end, "index 1 = 0: expected 1 to 3")
  test.raises(function() x:gather(core.ones(2)) end, "expected i64 [n]")
  test.raises(function() x:gather({ 1 }, out) end, "1 rows of this Tensor")
  test.raises(function() x:add_row_(core.ones(3)) end, "expected f32 [2]")
end)

test.case("rows: class labels count from 0", function()
  local x = core.tensor { { 1, 3, 2 }, { 9, 8, 7 } }
  local labels = core.tensor({ 1, 2 }, { dtype = "u8" })
  test.equal(list(x:argmax_rows()), "2 1")
  test.equal(x:count_matches(labels), 1)
  test.equal(list(x:pick_labels(labels)), "3.0 7.0")
  test.equal(list(x:add_at_labels_(labels, -1)), "1.0 2.0 2.0 9.0 8.0 6.0")
  test.raises(function()
    x:pick_labels(core.tensor({ 0, 3 }, { dtype = "i64" }))
  end, "label 2 = 3.0: expected 0 to 2")
  test.raises(function() x:pick_labels(core.zeros(2)) end,
              "expected i64 or u8 [2]")
end)

test.case("text is exact, short, and the same in every locale", function()
  test.equal(tostring(core.tensor { 0.1, 1e30, 10, -0.5 }),
             "Tensor[4] f32 [0.1, 1e+30, 10, -0.5]")
  test.equal(tostring(core.tensor({ 0.1 + 0.2 }, { dtype = "f64" })),
             "Tensor[1] f64 [0.30000000000000004]")
  test.equal(tostring(core.arange(9)),
             "Tensor[9] f32 [0, 1, 2, 3, 4, 5, 6, 7, \u{2026}]")
  test.equal(core.tensor { { 1, 20 }, { 3, 4 } }:format { rows = 1 },
             "Tensor[2,2] f32\n   1  20\n  \u{2026}")
  for _, name in ipairs { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8" } do
    if os.setlocale(name) then
      test.equal(tostring(core.tensor { 0.5 }), "Tensor[1] f32 [0.5]")
    end
  end
  os.setlocale "C"
end)

test.case("the collector sees the memory of tensors", function()
  collectgarbage()
  local before = collectgarbage "count"
  local x = core.zeros(1 << 20)
  test.ok(collectgarbage "count" - before > 4000)
  for _ = 1, 100 do x = x + 1 end
  test.ok(collectgarbage "count" - before < 50000)
  test.equal(x[1], 100)
end)

test.finish()
