--- Operators that part a source into several: classify, categorize.
local errors = require "cro.errors"
local options = require "cro.options"
local react = require "cro.react"
local stage = require "cro.supply.stage"
local Supplier = require "cro.supplier"
local Supply = require "cro.supply"

--- What is emitted for each new key.
---@class cro.Group
---@field key any
---@field value cro.Supply the values of that key, those so far included
local Group = {}
Group.__index = Group
Group.__name = "cro.Group"

--- The values of this key, so that a group itself can be tapped.
---@return cro.Supply
function Group:supply() return self.value end

local function mapper_of(name, mapper)
  if type(mapper) == "table" and getmetatable(mapper) == nil then
    return function(value) return mapper[value] end
  end
  return stage.fn(name, mapper)
end

local function check_key(name, key)
  if key ~= nil and key == key then return end
  errors.misuse(("%s: its function returned %s for a key; a key is any value but nil and NaN"):format(
    name, options.show(key)))
end

local function new_groups(name, opts)
  local groups, order = {}, {}
  local function find(key)
    check_key(name, key)
    local group = groups[key]
    if group then return group end
    if #order >= opts.max then stage.too_many(name, opts.max) end
    group = Supplier.preserving { buffer = opts.buffer, policy = opts.policy or "wait" }
    group.forgoes = not opts.policy -- nobody may ever want this key: that must not hold the others
    groups[key] = group
    order[#order + 1] = group
    react.emit(setmetatable({ key = key, value = group:supply() }, Group))
    return group
  end
  local ended = false
  local function finish(method, err)
    if ended then return end
    ended = true
    for i = 1, #order do
      order[i][method](order[i], err)
    end
  end
  return find, finish
end

local function group_body(source, name, opts, send)
  local find, finish = new_groups(name, opts)
  react.closing(function() finish "done" end)
  react.whenever(source, function(value) return send(find, value) end)
    :last(function() finish "done" end)
    :quit(function(err)
      finish("quit", err)
      error(err, 0)
    end)
end

local GROUP = {
  buffer = stage.OPTION.buffer,
  policy = { "string", one_of = { "error", "wait", "drop_oldest", "drop_newest" } },
  max = { "integer", default = 65536, check = function(n) return n >= 1, "1 or more" end },
}

local function grouping(name, self, given, send)
  local opts = options.check(name, given, GROUP)
  return react.supply(function() group_body(self, name, opts, send) end)
end

--- For each key that `mapper(value)` gives for the first time a group, `{ key = k, value =
--- supply }`, which can be tapped itself. Its values wait for its first tap, up to
--- `buffer` of them (1,024); after more that group quits. A tap of a group that is slow
--- holds the source. Another `policy`, as for a Supplier, says otherwise for both. Groups
--- end with the source, and when the tap is closed. More than `max` keys (65,536) are an
--- error. `mapper` may be a table.
---@param mapper table|fun(value: any): any
---@param given { buffer: integer|nil, policy: string|nil, max: integer|nil }|nil
---@return cro.Supply
function Supply:classify(mapper, given)
  self = stage.of("classify", self)
  local key_of = mapper_of("classify", mapper)
  return grouping("classify", self, given, function(find, value)
    local group = find(key_of(value))
    return group:emit(value)
  end)
end

--- The same when `mapper(value)` gives a list of keys: the value goes to each group.
---@param mapper table|fun(value: any): any[]
---@param given { buffer: integer|nil, policy: string|nil, max: integer|nil }|nil
---@return cro.Supply
function Supply:categorize(mapper, given)
  self = stage.of("categorize", self)
  local keys_of = mapper_of("categorize", mapper)
  return grouping("categorize", self, given, function(find, value)
    local keys = keys_of(value)
    if type(keys) ~= "table" then
      errors.misuse(("categorize: its function returned %s; it must return a list of keys"):format(
        options.show(keys)))
    end
    local i = 1
    while keys[i] ~= nil do
      find(keys[i]):emit(value)
      i = i + 1
    end
  end)
end
