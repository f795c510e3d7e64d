-- SPDX-License-Identifier: MIT
-- The reference, scripts/lib/descent/README.md, against the runtime: it names
-- all there is and nothing else, and its examples run.
local test = require "harness"
local descent = require "descent"

local here = debug.getinfo(1, "S").source:match("^@(.*/)[^/]*$") or "./"
local PAGE = here .. "../../../scripts/lib/descent/README.md"

-- The page as sections by heading, each with its text, and its Lua examples.
local function read_page()
  local sections, examples = {}, {}
  local heading, example = "", nil
  for line in io.lines(PAGE) do
    if line:match "^```" then
      if example then
        table.insert(examples, table.concat(example, "\n"))
      end
      example = not example and {} or nil
    elseif example then
      example[#example + 1] = line
    else
      heading = line:match "^## (.+)$" or heading
      sections[heading] = (sections[heading] or "") .. line .. "\n"
    end
  end
  return sections, examples
end

local sections, examples = read_page()

-- The names that code in a text begins with after this mark, as a set.
local function documented(text, mark)
  local names = {}
  for code in text:gmatch "`([^`]+)`" do
    local name = code:match("^" .. mark .. "([%w_]+)")
    if name then names[name] = true end
  end
  return names
end

local function whole_page()
  local texts = {}
  for _, text in pairs(sections) do texts[#texts + 1] = text end
  return table.concat(texts)
end

local function check_same(there, named, what)
  for name in pairs(there) do
    test.ok(named[name], what .. name .. " is not documented")
  end
  for name in pairs(named) do
    test.ok(there[name] ~= nil, what .. name .. " is documented, but not there")
  end
end

-- The methods and the fields of a class of the binding.
local function members(object)
  local index = debug.getmetatable(object).__index
  local _, methods = debug.getupvalue(index, 3)
  local _, fields = debug.getupvalue(index, 4)
  return methods, fields
end

-- The methods of a class written in Lua.
local function methods_of(object)
  local methods = {}
  for name, value in pairs(getmetatable(object)) do
    if type(value) == "function" and not name:match "^__" then
      methods[name] = value
    end
  end
  return methods
end

test.case("the names of the module are documented, and exist", function()
  check_same(descent, documented(whole_page(), "descent%."), "descent.")
end)

test.case("so are those of its parts", function()
  for _, part in ipairs { "schedule", "data", "model" } do
    local prefix = "descent%." .. part .. "%."
    check_same(descent[part], documented(whole_page(), prefix), part .. ".")
  end
end)

local x = descent.zeros(2)

test.case("so are those of the binding's classes", function()
  for class, object in pairs {
    Tensor = x, Optimizer = descent.optimizer("sgd", x), Rng = descent.rng "a",
    Schedule = descent.schedule.hold(1),
    RowSparse = descent.row_sparse({}, descent.zeros(0), 1),
  } do
    local methods, fields = members(object)
    local named = documented(sections[class], ":")
    for name in pairs(methods) do
      if named[name .. "_"] then named[name] = true end
    end
    check_same(methods, named, class .. ":")
    check_same(fields, documented(sections[class], "%."), class .. ".")
  end
end)

test.case("so are those of the classes in Lua", function()
  local iris = descent.data.load "iris"
  for class, object in pairs {
    Problem = descent.problem "beale", Dataset = iris,
    Batches = iris:batches {}, Model = descent.model.mlp { 2, 2 },
  } do
    check_same(methods_of(object), documented(sections[class], ":"),
               class .. ":")
    for name in pairs(documented(sections[class], "%.")) do
      test.ok(object[name] ~= nil, ("%s.%s is not there"):format(class, name))
    end
  end
end)

-- What the text says the options are, against what each plugin takes.
test.case("every option of the table is taken by every rule", function()
  local values = {
    weight_decay_mode = "l2", use_ema = true, ema_on = "iteration",
    ema_overwrite_frequency = 2, gradient_accumulation_steps = 2,
    maximize = true, use_fused_step = false, name = "mine", freeze = true,
    groups = { { match = "x", lr_mult = 2 } }, learning_rate_f32 = true,
    lr_scheduler = descent.schedule.factor { step = 1 }, aggregate_num = 2,
    loss_scale = { min = 0.5 }, on_nonfinite = "error", skip_counts = true,
    report_norm = true, flush_denormals = true,
    sparse = "lazy", lazy_update = true, flavour = "torch",
    clip_scope = "global", schedule_counter = "updates", step_offset = 1,
    begin_num_update = 2, counter = "per_tensor", decay = 0.5,
    master = "kahan", multi_precision = true, slot_dtype = "same",
    scalars = "f32", seed = 3,
  }
  local count = 0
  for row in sections.Optimizer:gmatch "\n| (`[^|]*) |" do
    for name in row:gmatch "`([%w_]+)`" do
      count = count + 1
      local value = values[name]
      if value == nil then value = 0.5 end
      local options = { [name] = value }
      if name:match "^ema_" then options.use_ema = true end
      descent.optimizer("adam", descent.zeros(1), options)
    end
  end
  test.equal(count, 45)
end)

test.case("the examples run", function()
  test.ok(#examples >= 4)
  for i, text in ipairs(examples) do
    local chunk = assert(load(text, "=example " .. i, "t",
                              setmetatable({ descent = descent },
                                           { __index = _G })))
    chunk()
  end
end)

test.case("a report and an error have the documented fields", function()
  local _, report = descent.optimizer("sgd", x):step(function() return 0 end)
  for name in pairs(report) do
    test.ok(sections.Optimizer:find("`" .. name .. "`", 1, true), name)
  end
  local _, e = pcall(descent.optimizer, "sgd", x, { momentum = 2 })
  for name in pairs(e) do
    test.ok(sections.Errors:find("`" .. name .. "`", 1, true), name)
  end
end)

test.case("the result of minimize has the documented fields", function()
  local text = sections["Minimize and check"]
  local found = descent.minimize(descent.problem "beale", { steps = 1 })
  local checked = descent.check_gradient(descent.problem "beale",
                                         descent.tensor { 1, 1 })
  for _, result in ipairs { found, checked } do
    for name in pairs(result) do
      test.ok(text:find("%f[%w_]" .. name .. "%f[^%w_]"), name)
    end
  end
end)

test.finish()
