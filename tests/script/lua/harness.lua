-- SPDX-License-Identifier: MIT
-- A small test runner: each case prints one TAP line, "ok 1 - fact" or "not ok
-- 1 - fact" with what went wrong below it.  A file ends with test.finish().
local test = {}

local count, failed = 0, 0

local function show(value)
  if type(value) == "string" then return ("%q"):format(value) end
  if math.type(value) == "float" then return ("%.17g"):format(value) end
  return tostring(value)
end

local function fail(message, level)
  error(message, (level or 1) + 2)
end

-- Run a case; an error in it is its failure.
function test.case(fact, body)
  count = count + 1
  local ok, trace = xpcall(body, function(e)
    return debug.traceback(tostring(e), 2)
  end)
  if ok then
    print(("ok %d - %s"):format(count, fact))
  else
    failed = failed + 1
    print(("not ok %d - %s"):format(count, fact))
    print("# " .. trace:gsub("\n", "\n# "))
  end
end

-- A value that is true.
function test.ok(value, message)
  if not value then fail(message or ("got " .. show(value))) end
end

-- The same value.
function test.equal(got, expected, message)
  if got ~= expected then
    fail(("%sgot %s, expected %s"):format(message and message .. ": " or "",
                                          show(got), show(expected)))
  end
end

-- A number within `tolerance` of the expected one; NaN is near nothing.
function test.near(got, expected, tolerance, message)
  if not (math.abs(got - expected) <= tolerance) then
    fail(("%sgot %s, expected %s within %g"):format(
      message and message .. ": " or "", show(got), show(expected), tolerance))
  end
end

-- An error whose text contains `piece`; returns the error.
function test.raises(body, piece)
  local ok, e = pcall(body)
  if ok then fail("no error: expected one with " .. show(piece)) end
  if not tostring(e):find(piece, 1, true) then
    fail(("got the error %s\nexpected one with %s"):format(tostring(e),
                                                         show(piece)))
  end
  return e
end

function test.finish()
  print("1.." .. count)
  if failed > 0 then os.exit(1) end
end

return test
