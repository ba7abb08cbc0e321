--- What the core does with JSON, done by lua-cjson: for specs that run without C.
local cjson = require "cjson"

local fake = { json_encode = cjson.encode, json_null = cjson.null }

function fake.json_decode(text)
  local ok, value = pcall(cjson.decode, text)
  if ok then return value end
  return nil, value
end

return fake
