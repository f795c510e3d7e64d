-- SPDX-License-Identifier: MIT
-- descent.checkpoint: all that a run needs to go on, in one file: the model's
-- tensors, the optimizer's state, random streams, the place in the data, and
-- what the script adds.
local core = require "descent.core"
local errors = require "descent.errors"
local json = require "descent.json"

local checkpoint = {}

local KNOWN = errors.set { "model", "optimizer", "data", "rng", "extra" }

local function read_options(where, path, options)
  errors.check(where, "path", path, "string")
  options = errors.options(where, options, KNOWN)
  if options.optimizer ~= nil
     and core.type(options.optimizer) ~= "Optimizer" then
    errors.argument(where, "optimizer", options.optimizer, "an Optimizer")
  end
  if options.extra ~= nil then
    errors.check(where, "extra", options.extra, "table")
  end
  return options
end

-- The tensors of a model that the optimizer does not hold, by name.
local function model_tensors(where, options)
  local tensors, bound = {}, {}
  if options.optimizer then
    for _, p in ipairs(options.optimizer:params()) do
      bound[p.name] = p.value
    end
  end
  if options.model == nil then return tensors end
  for _, p in ipairs(options.model:params()) do
    if bound[p.name] == nil then
      tensors[p.name] = p.value
    elseif bound[p.name] ~= p.value then
      errors.raise("argument", where, "the model and the optimizer have each "
                   .. "a tensor '%s' of their own: expected the same one",
                   p.name)
    end
  end
  return tensors
end

-- What goes into the file beside the tensors, as texts.
local function texts_of(where, options)
  local texts = {}
  if options.rng then
    texts.rng = json.encode(where, "rng", core.rng_state())
  end
  if options.data then
    texts.data = json.encode(where, "data", options.data:state())
  end
  if options.extra then
    texts.extra = json.encode(where, "extra", options.extra)
  end
  return texts
end

-- Save to one file: model =, optimizer =, data = an iterator with state() and
-- seek(), rng = true for the named random streams, extra = a table of numbers,
-- strings, booleans and such tables.
function checkpoint.save(path, options)
  local where = "descent.checkpoint.save"
  options = read_options(where, path, options)
  local tensors = model_tensors(where, options)
  local texts = texts_of(where, options)
  if options.optimizer then
    options.optimizer:save(path, { tensors = tensors, metadata = texts })
  else
    core.save(path, tensors, texts)
  end
end

local function shape_text(x)
  return ("%s [%s]"):format(x.dtype, table.concat(x.shape, ", "))
end

-- Refuse a file that lacks a tensor of the model, or has it otherwise.
local function check_model(where, path, wanted, found)
  for _, name in ipairs(errors.sorted_keys(wanted)) do
    local x, y = wanted[name], found[name]
    if not y then
      errors.raise("state", where, "%s: the model's tensor '%s' is missing",
                   path, name)
    elseif shape_text(x) ~= shape_text(y) then
      errors.raise("state", where, "%s: the model's tensor '%s' is %s, "
                   .. "expected %s", path, name, shape_text(y), shape_text(x))
    end
  end
end

local function decode(where, path, texts, name, wanted)
  if not wanted then return nil end
  if not texts[name] then
    errors.raise("state", where, "%s has no '%s': expected a checkpoint that "
                 .. "was saved with it", path, name)
  end
  return json.decode(where, path .. ": " .. name, texts[name])
end

-- Load what `options` name, as in save; all or nothing.  Returns the table
-- extra, or nil.
function checkpoint.load(path, options)
  local where = "descent.checkpoint.load"
  options = read_options(where, path, options)
  local found, texts = core.load(path)
  local wanted = model_tensors(where, options)
  check_model(where, path, wanted, found)
  local rng = decode(where, path, texts, "rng", options.rng)
  local place = decode(where, path, texts, "data", options.data)
  local extra = decode(where, path, texts, "extra", texts.extra)
  local before = place and options.data:state()
  if place then options.data:seek(place) end
  local random = rng and core.rng_state()
  local ok, failure = pcall(function()
    if rng then core.rng_load(rng) end
    if options.optimizer then
      core.load_state(options.optimizer, found, texts)
    end
  end)
  if not ok then
    if place then options.data:seek(before) end
    if rng then core.rng_load(random) end
    if core.is_error(failure) then
      errors.raise(failure.code, where, "%s: %s", path, failure.message)
    end
    error(failure, 0)
  end
  for name, x in pairs(wanted) do x:copy_(found[name]) end
  return extra
end

-- Counters of a state; whatever else a file calls so is none.
local COUNTERS = { iterations = true, updates = true, seed = true }

-- What is in a file, which is checked: { optimizer = its rule or nil, options =
-- its options as texts, iterations =, updates =, tensors = name -> Tensor, but
-- those of the optimizer's state, extra =, metadata = other texts }.
function checkpoint.inspect(path)
  local where = "descent.checkpoint.inspect"
  errors.check(where, "path", path, "string")
  local found, texts = core.load(path)
  local shown = { tensors = {}, options = {}, metadata = {} }
  for name, x in pairs(found) do
    local counter = name:match("^descent%.counters/([^/]*)$")
    if COUNTERS[counter] and x:numel() == 1 then
      shown[counter] = x:item()
    elseif not name:find("^descent%.") then
      shown.tensors[name] = x
    end
  end
  for key, text in pairs(texts) do
    local option = key:match("^descent%.options/(.*)$")
    if option then
      shown.options[option] = text
    elseif not key:find("^descent%.") and key ~= "extra" then
      shown.metadata[key] = text
    end
  end
  shown.optimizer = texts["descent.optimizer"]
  shown.extra = texts.extra and json.decode(where, path, texts.extra)
  return shown
end

-- The path of the newest whole checkpoint in a directory, by the time of its
-- last change; or nil and an error that says why there is none.
function checkpoint.latest(directory)
  local where = "descent.checkpoint.latest"
  errors.check(where, "directory", directory, "string")
  local ok, files = pcall(core.file_list, directory)
  if not ok then return nil, files end
  local names = {}
  for name in pairs(files) do
    if name:find("%.safetensors$") or name:find("%.safetensors%.prev$") then
      names[#names + 1] = name
    end
  end
  table.sort(names, function(a, b)
    if files[a] ~= files[b] then return files[a] > files[b] end
    return a < b
  end)
  local reason = directory .. " has no checkpoint"
  for _, name in ipairs(names) do
    local path = directory .. "/" .. name
    local whole, failure = pcall(core.file_verify, path)
    if whole then return path end
    reason = failure
  end
  if type(reason) == "string" then
    reason = core.error_object(where, reason, { code = "io" })
  end
  return nil, reason
end

return checkpoint
