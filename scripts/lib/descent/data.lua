-- SPDX-License-Identifier: MIT
-- descent.data: the data sets that come with Descent, and one's own.
local dataset = require "descent.dataset"
local errors = require "descent.errors"
local npy = require "descent.npy"

local LICENCE = "CC BY 4.0"

local SHIPPED = {
  digits = "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten "
           .. "Digits, 1998, test part; UCI data set 80",
  iris = "R. A. Fisher, Iris, 1936; UCI data set 53",
  wine = "S. Aeberhard and M. Forina, Wine, 1992; UCI data set 109",
  breast_cancer = "W. Wolberg, O. Mangasarian, N. Street and W. Street, Breast "
                  .. "Cancer Wisconsin (Diagnostic), 1993; UCI data set 17",
}

-- Beside the modules, in the build tree as installed.
local directory = (debug.getinfo(1, "S").source:match("^@(.*/)[^/]*$") or "./")
                  .. "../../data/"

local data = {}

-- One of the shipped data sets; features as f32, classes as u8.
function data.load(name)
  if not SHIPPED[name] then
    errors.unknown("descent.data.load", "data set", name,
                   errors.sorted_keys(SHIPPED))
  end
  local path = directory .. name
  return dataset.new(npy.read(path .. "_x.npy"):to("f32"),
                     npy.read(path .. "_y.npy"),
                     { name = name, source = SHIPPED[name], licence = LICENCE })
end

-- A data set from two .npy files.
function data.npy(x_path, y_path)
  local x = npy.read(x_path)
  return dataset.new(x.dtype == "f64" and x or x:to("f32"), npy.read(y_path))
end

-- A data set from Tensors or lists.
data.from = dataset.new

return data
