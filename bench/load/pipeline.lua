-- 16 requests in one write.
local batch

function init(args)
  local depth = tonumber(args[1]) or 16
  local one = wrk.format("GET")
  local all = {}
  for i = 1, depth do
    all[i] = one
  end
  batch = table.concat(all)
end

function request() return batch end
