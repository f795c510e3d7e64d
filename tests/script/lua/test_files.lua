-- SPDX-License-Identifier: MIT
-- descent.load and descent.save: .safetensors and .npy.
local test = require "harness"
local core = require "descent.core"
local descent = require "descent"

local folder = os.tmpname()
os.remove(folder)
assert(os.execute("mkdir " .. folder))
local function at(name) return folder .. "/" .. name end

local function bytes_of(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

local function write(path, bytes)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(bytes))
end

local function exists(path)
  local file <close> = io.open(path, "rb")
  return file ~= nil
end

-- Every dtype that both formats have.
local function sample()
  return {
    ["layer/kernel"] = descent.tensor { { 1, 2, 3 }, { 4, 5, 6.5 } },
    bias = descent.tensor({ 0.1, -1e300 }, { dtype = "f64" }),
    half = descent.tensor({ 1.5, -65504 }, { dtype = "f16" }),
    labels = descent.tensor({ 0, 255 }, { dtype = "u8" }),
    step = descent.tensor({ math.maxinteger, math.mininteger },
                          { dtype = "i64" }),
    empty = descent.zeros(0, 3),
    one = descent.zeros {},
  }
end

test.case("a table of tensors comes back, with its metadata", function()
  local path = at("a.safetensors")
  local metadata = { note = "a \"quoted\"\nline \u{20AC}", empty = "" }
  descent.save(path, sample(), { metadata = metadata })
  local back, texts = descent.load(path)
  local count = 0
  for name, x in pairs(sample()) do
    count = count + 1
    test.equal(back[name].dtype, x.dtype)
    test.equal(table.concat(back[name].shape, ","), table.concat(x.shape, ","))
    test.equal(back[name]:bytes(), x:bytes())
  end
  for _ in pairs(back) do count = count - 1 end
  test.equal(count, 0)
  test.equal(texts.note, metadata.note)
  test.equal(texts.empty, "")
  test.equal(#descent.load(path).empty, 0)
end)

test.case("equal content gives equal bytes, also after loading", function()
  local a, b = at("a.safetensors"), at("b.safetensors")
  descent.save(a, sample(), { metadata = { x = "1", y = "2" } })
  descent.save(b, sample(), { metadata = { y = "2", x = "1" } })
  test.equal(bytes_of(a), bytes_of(b))
  local tensors, metadata = descent.load(a)
  descent.save(b, tensors, { metadata = metadata })
  test.equal(bytes_of(a), bytes_of(b))
end)

test.case("the former file is kept, and named when the file is bad", function()
  local path = at("c.safetensors")
  descent.save(path, { x = descent.tensor { 1 } })
  test.ok(not exists(path .. ".prev"))
  descent.save(path, { x = descent.tensor { 2 } })
  write(at("former.safetensors"), bytes_of(path .. ".prev"))
  test.equal(descent.load(at("former.safetensors")).x[1], 1)
  local whole = bytes_of(path)
  write(path, whole:sub(1, -2) .. "\xff")
  local e = test.raises(function() descent.load(path) end,
                        "do not match their digest")
  test.equal(e.code, "io")
  test.equal(e.option, nil)
  test.ok(tostring(e):find(".prev is whole", 1, true))
  write(path, whole:sub(1, -2))
  test.raises(function() descent.load(path) end, "was cut off or added to")
end)

test.case("wrong arguments change no file", function()
  local path = at("d.safetensors")
  local x = descent.tensor { 1 }
  descent.save(path, { x = x })
  local before = bytes_of(path)
  local cases = {
    { function() descent.save(path, x) end, "expected a table" },
    { function() descent.save(path, nil) end, "tensors is nil" },
    { function() descent.save(path, { x, x }) end, "the name of a tensor" },
    { function() descent.save(path, { x = 1 }) end,
      "'x' is a number: expected a Tensor" },
    { function() descent.save(path, { ["a\0b"] = x }) end, "zero byte" },
    { function() descent.save(path, { [""] = x }) end, "is empty" },
    { function() descent.save(path, { x = x }, { metadata = { a = 1 } }) end,
      "metadata 'a' is a number: expected a string" },
    { function() descent.save(path, { x = x }, { metadata = { "a" } }) end,
      "a key of the metadata is a number" },
    { function() descent.save(path, { x = x }, { metadata = 1 }) end,
      "metadata is a number" },
    { function() descent.save(path, { x = x }, { meta = {} }) end,
      "unknown option 'meta'" },
    { function()
        descent.save(path, { x = x }, { metadata = { ["digest.x"] = "" } })
      end, "the format uses this key itself" },
    { function() descent.save(at("x.txt"), x) end, "ends with .npy or" },
    { function() descent.save(1, x) end, "path = 1" },
    { function() descent.load(at("x.pt")) end, "ends with .npy or" },
    { function() descent.load() end, "path = nil" },
  }
  for _, case in ipairs(cases) do test.raises(case[1], case[2]) end
  local gone = descent.tensor { 1 }
  gone:free()
  test.raises(function() descent.save(path, { x = gone }) end, "was freed")
  test.equal(bytes_of(path), before)
end)

test.case("values of every kind are refused with an error object", function()
  local path = at("m.safetensors")
  local values = {
    true, 0, -1, 2.5, 0 / 0, "", "f32", {}, { 1 }, { x = 1 }, print, io.stdout,
    descent.ones(2), descent.ones(2):readonly(), descent.rng("misuse", 1),
    descent.schedule.hold(1), { x = descent.ones(2) }, coroutine.create(print),
  }
  values[#values + 1] = descent.ones(1)
  values[#values]:free()
  local function try(f, ...)
    local ok, e = pcall(f, ...)
    test.ok(ok or descent.is_error(e), e)
  end
  for _, f in ipairs { core.save, core.file_replace } do
    try(f)
    try(f, path)
    try(f, nil, {})
    for _, a in ipairs(values) do
      if type(a) ~= "string" then try(f, a, {}) end
      try(f, path, a)
      for _, b in ipairs(values) do try(f, path, a, b) end
    end
  end
end)

test.case("errors of files name the path and the reason", function()
  local e = test.raises(function() descent.load("/nowhere/x.safetensors") end,
                        "descent.load: /nowhere/x.safetensors: No such file or")
  test.equal(e.code, "io")
  test.raises(function()
    descent.save("/nowhere/x.safetensors", { x = descent.tensor { 1 } })
  end, "No such file or directory")
  write(at("p.safetensors"), "\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94.")
  test.raises(function() descent.load(at("p.safetensors")) end,
              "a Python pickle")
end)

-- A safetensors file with this header and these bytes of elements.
local function file(header, elements)
  return string.pack("<s8", header) .. elements
end

test.case("types that scripts do not have", function()
  local path = at("e.safetensors")
  local header =
    '{"n":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}}'
  write(path, file(header, string.pack("<i8", 41)))
  local back = descent.load(path)
  test.equal(back.n.dtype, "i64")
  test.equal(back.n[1], 41)
  write(path, file(header, string.pack("<i8", -1)))
  test.raises(function() descent.load(path) end, "'n' has an element over 2^63")
end)

test.case("bf16 comes back from safetensors, and is not in .npy", function()
  local path = at("h.safetensors")
  local x = descent.tensor({ { 1, -3.5 }, { 1 / 3, 1e30 } },
                           { dtype = "bf16" })
  descent.save(path, { x = x })
  local back = descent.load(path).x
  test.equal(back.dtype, "bf16")
  test.ok(back:equal(x))
  test.ok(bytes_of(path):find('"dtype":"BF16"', 1, true))
  write(path, file('{"h":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}',
                   "\x80\x3f"))
  test.equal(descent.load(path).h:item(), 1.0)
  test.raises(function() descent.save(at("h.npy"), x) end,
              "expected a dtype that NumPy has")
  test.ok(not exists(at("h.npy")))
end)

test.case("arguments too many are refused", function()
  local path = at("d.safetensors")
  local x = { x = descent.tensor { 1 } }
  test.raises(function() core.load(path, 1) end, "an argument too many")
  test.raises(function() core.save(path, x, {}, 1) end, "an argument too many")
  test.raises(function() core.file_replace(path, "", 1) end,
              "an argument too many")
end)

test.case("a .npy file comes back, and is what NumPy writes", function()
  local path = at("x.npy")
  for _, x in pairs(sample()) do
    descent.save(path, x)
    local back = descent.load(path)
    test.equal(back.dtype, x.dtype)
    test.equal(table.concat(back.shape, ","), table.concat(x.shape, ","))
    test.equal(back:bytes(), x:bytes())
    test.equal((#bytes_of(path) - #x:bytes()) % 64, 0)
  end
  descent.save(path, descent.tensor { 1, 2 })
  test.equal(bytes_of(path):sub(11, 70),
             "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }   ")
  test.raises(function() descent.save(path, {}) end, "expected a Tensor")
  test.raises(function() descent.save(path, 1, { metadata = {} }) end,
              "unknown option")
end)

os.execute("rm -r " .. folder)
test.finish()
