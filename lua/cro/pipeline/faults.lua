--- What can be wrong with a pipeline, as errors that show it.
---
--- Every mistake in composing is an error value with `kind == "compose"` and a `code`
--- for programs; its message names what was given, prints the chain with the bad place
--- marked and says what to do. It points at the line of the script that composed.
local errors = require "cro.errors"
local options = require "cro.options"
local types = require "cro.pipeline.types"

local faults = {}

--- How a part, or whatever was given as one, is called in a message.
---@param value any
---@return string
function faults.describe_part(value)
  local meta = getmetatable(value)
  if type(meta) == "table" and rawget(meta, "component") then return value.name end
  if types.is_type(value) then return ("the %s type %s"):format(value.kind, value.name) end
  return options.show(value)
end

local describe_part = faults.describe_part

local function flow(part)
  local meta = getmetatable(part)
  if type(meta) ~= "table" or not rawget(meta, "component") then return "not a part" end
  local into = part.consumes ~= nil and types.name_of(part.consumes) .. " " or ""
  local out = part.produces ~= nil and " " .. types.name_of(part.produces) or ""
  return ("%s: %s->%s"):format(part.kind, into, out)
end

local function lines_of(chain, bad, note)
  local lines, width = {}, 0
  local count = chain.n or #chain
  for i = 1, count do
    width = math.min(60, math.max(width, #describe_part(chain[i])))
  end
  for i = 1, count do
    local part = chain[i]
    local mark = i == bad and ">>" or "  "
    lines[#lines + 1] = ("%s %2d. %-" .. width .. "s  (%s)"):format(mark, i, describe_part(part), flow(part))
    if i == bad and note then lines[#lines + 1] = ("       ^ %s"):format(note) end
  end
  return lines
end

--- Raises a compose error at the line of the script.
---@param code string
---@param text string what is wrong, in one sentence
---@param where { chain: any[]|nil, bad: integer|nil, note: string|nil, cure: string|nil, fields: table|nil }|nil
function faults.raise(code, text, where)
  where = where or {}
  local place = errors.place()
  local lines = { place == "?" and text or place .. ": " .. text }
  for _, line in ipairs(where.chain and lines_of(where.chain, where.bad, where.note) or {}) do
    lines[#lines + 1] = line
  end
  if where.cure then lines[#lines + 1] = where.cure end
  local fields = where.fields or {}
  fields.code, fields.place = code, place
  error(errors.new("compose", table.concat(lines, "\n"), fields), 0)
end

local function the(chain, index) return describe_part(chain[index]) end

--- What is wrong when a part is given something that is no message of its type. An error
--- value, not raised: it belongs to whoever emitted it.
---@param name string of the part that got it
---@param wanted cro.MessageType
---@param value any
---@return cro.Error
function faults.wrong_message(name, wanted, value)
  return errors.new("pipeline", ("%s takes messages of type %s, but the part before it emitted %s"):format(
    name, types.name_of(wanted), options.show(value)), { component = name })
end

--- The error for an answer that nobody waits for. It names no places: messages come at run time.
---@package
---@param name string of the part that was given it
---@return cro.Error
function faults.unasked(name)
  return errors.new("pipeline", ("%s: this response answers no request that waits for one: was it emitted twice, "
    .. "or made without request = ...?"):format(name), { component = name })
end

--- No parts at all.
---@package
function faults.empty()
  faults.raise("Empty", "Cannot compose an empty list of components", {
    cure = "give at least one part, as in cro.compose { listener, MyTransform }",
  })
end

--- Something that is no part.
---@package
function faults.invalid_type(chain, index)
  local given = chain[index]
  local text = ("Cannot compose %s into a pipeline; it is not a source, transform, sink or connector"):format(
    describe_part(given))
  local cure = "make parts with cro.source, cro.transform, cro.sink, cro.connector or cro.map"
  if types.is_type(given) then
    cure = "a type says what parts consume and produce; " .. cure
  elseif type(given) == "function" then
    cure = "wrap the function: cro.map(In, Out, fn)"
  elseif given == nil then
    cure = "a nil in the list: is a name misspelt or a return missing?"
  end
  faults.raise("InvalidType", text, { chain = chain, bad = index, cure = cure, fields = { invalid = given } })
end

--- A source further on.
---@package
function faults.source_must_be_first(chain, index)
  faults.raise("SourceMustBeFirst",
    ("A source must be at the start of a pipeline, but %s is placed later"):format(the(chain, index)),
    { chain = chain, bad = index, cure = "move it to the front, or compose two services",
      fields = { source = chain[index] } })
end

--- A sink further ahead.
---@package
function faults.sink_must_be_last(chain, index)
  faults.raise("SinkMustBeLast",
    ("A sink must be at the end of a pipeline, but %s is placed earlier"):format(the(chain, index)),
    { chain = chain, bad = index, cure = "move it to the end; a sink passes nothing on",
      fields = { sink = chain[index] } })
end

local function mismatch_note(producer, consumer)
  return ("%s comes in, %s is wanted"):format(types.name_of(producer.produces), types.name_of(consumer.consumes))
end

local function mismatch_cure(producer, consumer)
  local produced, consumed = producer.produces, consumer.consumes
  if types.is_connection_type(produced) then
    return ("%s brings %s messages: put parts that consume those after it"):format(
      types.name_of(produced), types.name_of(produced.produces))
  end
  if types.name_of(produced) == types.name_of(consumed) then
    return "the two types have one name but are different values: define the type once and share it"
  end
  return ("put a transform from %s to %s between them"):format(types.name_of(produced), types.name_of(consumed))
end

--- Two neighbours whose types differ.
---@package
function faults.mismatch(chain, index, producer)
  local consumer = chain[index]
  producer = producer or chain[index - 1]
  faults.raise("Mismatch", ("Cannot compose a %s producing %s with a %s consuming %s"):format(
    producer.name, types.name_of(producer.produces), consumer.name, types.name_of(consumer.consumes)), {
    chain = chain, bad = index, note = mismatch_note(producer, consumer),
    cure = mismatch_cure(producer, consumer),
    fields = { producer = producer, consumer = consumer },
  })
end

local function bad_end(code, verb, field)
  return function(chain, index)
    local part = chain[index]
    faults.raise(code, ("Cannot compose %s; it %s %s, which is neither a message type nor a connection type"):format(
      part.name, verb, types.name_of(part[verb])), {
      chain = chain, bad = index,
      cure = ("set %s = a type, as cro.tcp.Message or one made with cro.message { name = ... }"):format(verb),
      fields = { [field] = part },
    })
  end
end

--- A part that must produce something does not say what.
---@type fun(chain: cro.Component[], index: integer)
faults.bad_producer = bad_end("BadProducer", "produces", "producer")
--- A part that must consume something does not say what.
---@type fun(chain: cro.Component[], index: integer)
faults.bad_consumer = bad_end("BadConsumer", "consumes", "consumer")

--- A replier that is no transform or sink.
---@package
function faults.bad_replier(chain, index, replier)
  faults.raise("BadReplier", ("The replier of %s is %s, which is neither a transform nor a sink"):format(
    the(chain, index), describe_part(replier)), {
    chain = chain, bad = index, cure = "set replyable to a transform or a sink, or to a function that returns one",
    fields = { replyable = chain[index], replier = replier },
  })
end

--- A second sink.
---@package
function faults.too_many_sinks(chain, replyable, replier)
  faults.raise("TooManySinks", ("Cannot apply sink %s from %s because this pipeline already has a sink"):format(
    replier.name, replyable.name), {
    chain = chain, bad = #chain, cure = ("leave out the other sink: %s brings its own"):format(replyable.name),
    fields = { replyable = replyable, sink = replier },
  })
end

--- A second connector.
---@package
function faults.only_one_connector(chain, index)
  faults.raise("OnlyOneConnector", "Cannot compose a pipeline with more than one connector",
    { chain = chain, bad = index, cure = "compose each connector on its own and pass messages between them" })
end

--- A second part of which a connection has one.
---@package
function faults.only_one(chain, index)
  faults.raise("OnlyOne", ("Cannot compose a pipeline with more than one %s"):format(chain[index].name),
    { chain = chain, bad = index, cure = "what it makes belongs to one connection; leave the other out",
      fields = { part = chain[index] } })
end

--- A source beside a connector.
---@package
function faults.source_and_connector(chain, index)
  faults.raise("SourceAndConnector", "A pipeline with a connector may not also have a source",
    { chain = chain, bad = index, cure = "give the connector its input with establish(supply)" })
end

--- A sink beside a connector.
---@package
function faults.sink_and_connector(chain, index)
  faults.raise("SinkAndConnector", "A pipeline with a connector may not also have a sink",
    { chain = chain, bad = index, cure = "tap what establish(supply) returns" })
end

--- A conditional part without a connector.
---@package
function faults.conditional_without_connector(chain, index)
  faults.raise("ConnectionConditionalWithoutConnector",
    "A conditional part can only be used in a pipeline with a connector",
    { chain = chain, bad = index, cure = "choose the part yourself, or compose it around a connector" })
end

--- Connection state where there is no connection.
---@package
function faults.state_without_connection(chain, index)
  faults.raise("ConnectionStateWithoutConnection",
    ("Can only compose a component with connection state in the scope of a connection, but %s has none here"):format(
      the(chain, index)),
    { chain = chain, bad = index,
      cure = "put it after a source of connections or beside a connector, or compose with for_connection = true" })
end

--- A broken rule of connection managers.
---@package
function faults.misuse(text, chain, index, cure)
  faults.raise("Misuse", text, { chain = chain, bad = index, cure = cure })
end

return faults
