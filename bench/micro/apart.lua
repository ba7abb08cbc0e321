--- Each case in a process of its own: traces of one do not change the figures of another.
---
--- `apart(cases, measure, format)`: `=name` as the script's argument measures that case here
--- and prints its line; anything else runs the cases whose names contain it, one by one.
local function run_apart(name)
  local command = ("luajit %q =%s"):format(arg[0], name)
  local pipe = assert(io.popen(command))
  io.write(pipe:read "*a")
  assert(pipe:close(), command .. " failed")
end

return function(cases, measure, format)
  local filter = arg[1] or ""
  for _, item in ipairs(cases) do
    if filter == "=" .. item.name then
      print((format):format(item.name, measure(item)))
    elseif item.name:find(filter, 1, true) then
      run_apart(item.name)
    end
  end
end
