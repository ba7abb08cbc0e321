-- A POST whose body is the file named by the argument.
local whole

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local body = file:read("*a")
  file:close()
  whole = wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, body)
end

function request() return whole end
