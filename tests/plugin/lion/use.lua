-- Three steps of Lion on x^2 / 2: each moves every weight by the rate.
local descent = require "descent"

local x = descent.tensor { 1, -2 }
local lion = descent.optimizer("lion", x, { learning_rate = 0.25 })

for _ = 1, 3 do
  lion:step(function(value, gradient)
    gradient:copy_(value)
    return value:dot(value) / 2
  end)
end
print(x[1], x[2])
