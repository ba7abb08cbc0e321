--- A Supplier is a live source: what it emits reaches whoever is tapping just then.
local cro = require "cro"

local source = cro.Supplier.new()

local first = source:supply():tap(function(value) print("Got " .. value) end)
source:emit "chili"

-- A second subscriber sees what comes from now on, through an operator of its own.
source:supply():map(string.upper):tap(function(value) print("OH WOW " .. value) end)
source:emit "beef"

first:close()
source:emit "noodles"
