--- Property tests: random input, a printed seed, and shrinking.
---
--- `property.check(generator, test)` calls `test` with many generated values. When one
--- fails, smaller values are tried as long as they fail too, and the smallest is shown
--- with the seed. `PROPERTY_SEED` repeats a run, `PROPERTY_RUNS` sets its length.
---
--- A generator is `{ make = function(random) -> value, shrink = function(value) -> list }`;
--- `random(n)` is an integer from 1 to n.
local property = {}

local RUNS = tonumber(os.getenv "PROPERTY_RUNS") or 100
local MAX_SHRINKS = 500

--- The minimal standard generator: the same numbers everywhere for one seed.
local function random_from(seed)
  local state = seed % 2147483647
  if state == 0 then state = 1 end
  return function(n)
    state = state * 16807 % 2147483647
    return state % n + 1
  end
end

local function no_smaller() return {} end

--- An integer from `low` to `high`; shrinks towards `low`.
function property.integer(low, high)
  return {
    make = function(random) return low + random(high - low + 1) - 1 end,
    shrink = function(value)
      if value <= low then return {} end
      return { low, low + math.floor((value - low) / 2), value - 1 }
    end,
  }
end

--- One of the values of a list; shrinks towards the first.
function property.one_of(values)
  return {
    make = function(random) return values[random(#values)] end,
    shrink = function(value)
      if value == values[1] then return {} end
      return { values[1] }
    end,
  }
end

local function without(list, from, to)
  local shorter = {}
  for i, value in ipairs(list) do
    if i < from or i > to then shorter[#shorter + 1] = value end
  end
  return shorter
end

local function with_element(list, at, value)
  local changed = { unpack(list) }
  changed[at] = value
  return changed
end

--- A list of up to `longest` values; shrinks by leaving out halves, then single
--- values, then by shrinking the values.
function property.list(element, longest)
  return {
    make = function(random)
      local list = {}
      for i = 1, random(longest + 1) - 1 do
        list[i] = element.make(random)
      end
      return list
    end,
    shrink = function(list)
      local smaller, half = {}, math.floor(#list / 2)
      if half > 0 then
        smaller = { without(list, 1, half), without(list, half + 1, #list) }
      end
      for i = 1, #list do
        smaller[#smaller + 1] = without(list, i, i)
      end
      for i = 1, #list do
        for _, value in ipairs((element.shrink or no_smaller)(list[i])) do
          smaller[#smaller + 1] = with_element(list, i, value)
        end
      end
      return smaller
    end,
  }
end

--- A table with a value of each generator under its key; shrinks one field at a time.
function property.record(fields)
  return {
    make = function(random)
      local record, keys = {}, {}
      for key in pairs(fields) do
        keys[#keys + 1] = key
      end
      table.sort(keys)
      for _, key in ipairs(keys) do
        record[key] = fields[key].make(random)
      end
      return record
    end,
    shrink = function(record)
      local smaller = {}
      for key, field in pairs(fields) do
        for _, value in ipairs((field.shrink or no_smaller)(record[key])) do
          local changed = {}
          for other, kept in pairs(record) do
            changed[other] = kept
          end
          changed[key] = value
          smaller[#smaller + 1] = changed
        end
      end
      return smaller
    end,
  }
end

--- A value as Lua would write it.
function property.show(value)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local parts, keys = {}, {}
  for i = 1, #value do
    parts[i] = property.show(value[i])
  end
  for key in pairs(value) do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    parts[#parts + 1] = key .. " = " .. property.show(value[key])
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function shrink(generator, value, err, test)
  local tries, smaller_found = 0, true
  while smaller_found and tries < MAX_SHRINKS do
    smaller_found = false
    for _, candidate in ipairs((generator.shrink or no_smaller)(value)) do
      tries = tries + 1
      local ok, failure = pcall(test, candidate)
      if not ok then
        value, err, smaller_found = candidate, failure, true
        break
      end
    end
  end
  return value, err
end

--- Calls `test` with `runs` generated values; raises with the smallest that fails.
---@param generator table
---@param test fun(value: any)
---@param runs integer|nil
function property.check(generator, test, runs)
  local seed = tonumber(os.getenv "PROPERTY_SEED") or os.time() % 1000000 + 1
  local random = random_from(seed)
  for run = 1, runs or RUNS do
    local value = generator.make(random)
    local ok, err = pcall(test, value)
    if not ok then
      local smallest, failure = shrink(generator, value, err, test)
      error(("run %d of seed %d failed for %s\n%s"):format(
        run, seed, property.show(smallest), tostring(failure)), 0)
    end
  end
end

return property
