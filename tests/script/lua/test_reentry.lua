-- SPDX-License-Identifier: MIT
-- Functions of the script that run inside of ours: schedules, receivers of
-- warnings, finalizers and objectives.  Whatever they do to the tensors and
-- optimizers that are in use, nothing may crash; what is refused is refused
-- with an error object.
local test = require "harness"
local core = require "descent.core"

local SIZE = 20000

-- What a step is at work on.
local function make_world()
  local w = { a = core.ones(SIZE), b = core.ones(3), g = core.ones(SIZE) }
  w.given = { a = w.g }
  return w
end

local function bind(w, options)
  w.o = core.optimizer("adam", { { name = "a", value = w.a },
                                 { name = "b", value = w.b } }, options)
end

local function sweep()
  collectgarbage()
  collectgarbage()
end

local ACTIONS = {
  free = function(w)
    for _, name in ipairs { "g", "a", "b" } do
      if w[name] then pcall(w[name].free, w[name]) end
    end
    for _, t in pairs(w.views or {}) do pcall(t.free, t) end
    sweep()
  end,
  drop = function(w)
    w.o, w.g, w.a, w.given.a, w.views = nil, nil, nil, nil, nil
    sweep()
  end,
  close = function(w)
    if w.o then w.o:close() end
    sweep()
  end,
  add = function(w)
    local list = {}
    for i = 1, 40 do
      list[i] = { name = "n" .. i .. core.clock(), value = core.ones(2) }
    end
    if w.o then w.o:add(list) end
  end,
  remove = function(w)
    if w.o then w.o:remove("a") end
    sweep()
  end,
  collectgarbage = sweep,
}

-- Make garbage until a finalizer has run that acts.
local function at_a_finalizer(w, act)
  setmetatable({}, { __gc = function() act(w) end })
end

local function use(w)
  local o = w.o
  if not o then return end
  pcall(o.apply, o, w.given)
  pcall(o.step, o, function(x, g) g.a:add_(x.a) return 0 end)
  pcall(function() w.views = o:slots("a") end)
  pcall(o.describe, o)
  pcall(o.params, o)
  for _, t in ipairs { w.g, w.a, w.views and w.views.momentum } do
    pcall(function() return t + 1, t:clone(), t:to("f64"), t:reshape(-1) end)
    pcall(function() return t:gather { 1, 2 }, t:format { rows = 2 } end)
    pcall(function() return t:rows(1, 100):totable() end)
  end
end

local PLACES = {
  schedule = function(w, act)
    bind(w, { learning_rate = function() act(w) return 0.1 end })
    use(w)
  end,
  ["warning receiver"] = function(w, act)
    core.warn_sink(function() act(w) end)
    bind(w)
    use(w)
    core.warn_sink(nil)
  end,
  __gc = function(w, act)
    bind(w)
    w.views = w.o:slots("a")
    local pause = collectgarbage("setpause", 10)
    for _ = 1, 60 do
      at_a_finalizer(w, act)
      use(w)
    end
    collectgarbage("setpause", pause)
  end,
  objective = function(w, act)
    bind(w)
    local o = w.o
    pcall(o.step, o, function(x, g)
      act(w)
      g.a:add_(x.a)
      return 0
    end)
    use(w)
  end,
}

for _, place in ipairs { "schedule", "warning receiver", "__gc",
                         "objective" } do
  for _, action in ipairs { "free", "drop", "close", "add", "remove",
                            "collectgarbage" } do
    test.case(action .. " in a " .. place, function()
      local refused, ran = nil, 0
      PLACES[place](make_world(), function(w)
        ran = ran + 1
        local ok, e = pcall(ACTIONS[action], w)
        if not ok then refused = e end
      end)
      sweep()
      test.ok(ran > 0, "it did not run")
      test.ok(refused == nil or core.is_error(refused), tostring(refused))
      if place ~= "__gc" and (action == "close" or action == "add"
                              or action == "remove") then
        test.ok(refused, "it was not refused")
      end
    end)
  end
end

test.case("gradients that a schedule frees or drops are still applied",
          function()
  for _, spoil in ipairs {
    function(t) t.x:free() end,
    function(t) pcall(t.x.free, t.x) t.x = nil end,
  } do
    local given = { x = core.ones(SIZE) }
    local x = core.zeros(SIZE)
    local o = core.optimizer("sgd", x, { learning_rate = function()
      pcall(spoil, given)
      sweep()
      for _ = 1, 4 do core.full({ SIZE }, 7) end
      return 1
    end })
    o:apply(given)
    test.equal(x:min(), -1)
    test.equal(x:max(), -1)
  end
end)

test.case("a gradient can be freed when apply is over", function()
  local g, x = core.ones(2), core.zeros(2)
  local o = core.optimizer("sgd", x, { learning_rate = function()
    test.raises(function() g:free() end, "bound to an optimizer")
    return 1
  end })
  o:apply { x = g }
  o:set("learning_rate", function() error "boom" end)
  test.raises(function() o:apply { x = g } end, "boom")
  g:free()
end)

test.case("params() cannot bind the optimizer that asks for it", function()
  local o = core.optimizers.SGD {}
  local model = { params = function()
    o:build(core.zeros(1))
    return { { name = "b", value = core.zeros(1) } }
  end }
  test.raises(function() o:build(model) end, "changed or closed")
  test.equal(#o:params(), 1)
end)

test.case("a refused receiver leaves the optimizer as it was", function()
  local w, fault = make_world(), nil
  core.warn_sink(function() fault = select(2, pcall(w.o.close, w.o)) end)
  bind(w)
  w.o:apply(w.given)
  core.warn_sink(nil)
  test.ok(core.is_error(fault))
  test.ok(tostring(fault):find "receiver of warnings", tostring(fault))
  w.o:apply { a = w.g, b = core.ones(3) }
end)

test.case("metamethods of option tables do not run", function()
  local x, ran = core.ones(2, 2), false
  local options = setmetatable({}, { __index = function() ran = true end })
  x:matmul(x, options)
  x:format(options)
  core.zeros(2, options)
  test.ok(not ran)
end)

test.case("a closed optimizer's views are dead, in a finalizer too", function()
  local o = core.optimizer("adam", core.ones(2))
  local view = o:slots().momentum
  local ok
  setmetatable({}, { __gc = function() ok = pcall(o.close, o) end })
  sweep()
  test.ok(ok)
  test.raises(function() return view[1] end, "closed")
  test.raises(function() o:slots() end, "closed")
end)

test.finish()
