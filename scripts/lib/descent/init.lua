-- SPDX-License-Identifier: MIT
-- require "descent": the runtime's binding, descent.core, and what is written
-- in Lua on top of it.  The Lua parts are loaded when they are first used.
local core = require "descent.core"

-- Errors are reported at the script's line: the first outside this directory.
local directory = debug.getinfo(1, "S").source:match("^@(.*/)[^/]*$")
if directory then core.library(directory) end

-- What scripts use of the binding, under the same names.
local BINDING = {
  "version", "abi", "features", "clock", "cpus", "threads", "warn_sink",
  "is_error", "type", "seed", "rng",
  "tensor", "zeros", "ones", "full", "arange", "randn", "rand",
  "schedule", "optimizer", "optimizers", "row_sparse",
  "find_plugin", "plugins", "load_plugin",
}

-- Names that Lua modules add: the module, and its field if the name is not the
-- whole of it.
local MODULES = {
  args = { "descent.args", "read" },
  checkpoint = { "descent.checkpoint" },
  check_gradient = { "descent.check_gradient" },
  data = { "descent.data" },
  load = { "descent.files", "load" },
  linspace = { "descent.ranges", "linspace" },
  logspace = { "descent.ranges", "logspace" },
  minimize = { "descent.minimize" },
  model = { "descent.model" },
  problem = { "descent.problem", "new" },
  problems = { "descent.problem", "names" },
  save = { "descent.files", "save" },
}

local descent = {}
for _, name in ipairs(BINDING) do
  descent[name] = core[name]
end

local function load_part(self, name)
  local entry = MODULES[name]
  if not entry then return nil end
  local module = require(entry[1])
  local value = entry[2] and module[entry[2]] or module
  rawset(self, name, value)
  return value
end

return setmetatable(descent, {
  __index = load_part,
  -- All names, also those of parts that are not loaded yet.
  __pairs = function(self)
    for name in pairs(MODULES) do load_part(self, name) end
    return next, self, nil
  end,
})
