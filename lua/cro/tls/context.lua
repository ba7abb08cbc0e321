--- Contexts of TLS: certificates, keys and whom to trust, read from files once and used by
--- any number of connections, and read again when the files change.
---
--- A context owns what the core has made of its files. While somebody listens with it its
--- files are looked at every few seconds, all contexts by one timer. Clients with the same
--- options share a context, which keeps sessions to be resumed.
local core = require "cro.core"
local fiber = require "cro.fiber"
local runtime = require "cro.runtime"

local contexts = {}

--- Seconds between two looks at the files.
local INTERVAL = 5
--- Contexts of clients that are kept for who connects next.
local KEPT = 16

---@class cro.tls.Context
---@field side cro.tls.Side
---@field box userdata what the core takes as `tls`
---@field private native cro.core.TlsOptions
---@field private name string for messages
---@field private warned string|false what was last said of files that are read but not good
---@field private users integer who watches
---@field private variants table<string, cro.tls.Context> the same files with other protocols
---@field private looked number when its files were last looked at
local Context = {}
Context.__index = Context
Context.__name = "cro.tls.Context"

function Context:__tostring()
  local first = self.native.identities[1]
  local file = first and (first.certificate_file or first.pkcs12_file)
  return ("TLS context of a %s%s"):format(self.side, file and ", " .. file or "")
end

local function with_environment(native)
  local copy = {}
  for key, value in pairs(native) do
    copy[key] = value
  end
  local file = os.getenv "SSLKEYLOGFILE"
  if not copy.key_log_file and file and file ~= "" then copy.key_log_file = file end
  return copy
end

--- Says what is not as it should be, but works: once.
local function warn(self)
  local warning = self.box:warning() or false
  if warning and warning ~= self.warned then runtime.write_report(("%s: %s"):format(self.name, warning)) end
  self.warned = warning
end

local function make(name, side, native)
  local box, err = core.tls_context(native)
  if not box then
    err.message = ("%s: %s"):format(name, err.message)
    return nil, err
  end
  local self = { side = side, box = box, native = native, name = name, warned = false, users = 0 }
  self.variants, self.looked = setmetatable({}, { __mode = "v" }), fiber.now()
  warn(self)
  return setmetatable(self, Context)
end

local function reload(self)
  local ok, err = self.box:reload()
  if ok then
    warn(self)
    return true
  end
  err.message = ("%s: %s"):format(self.name, err.message)
  return nil, err
end

--- Reads all files again, now. Handshakes from then on use what they hold; what is open
--- goes on. When something is wrong nothing changes. For use where nothing may wait; it
--- reads files, so a few times a second is plenty.
---@return true|nil
---@return cro.Error|nil why not
function Context:reload()
  local ok, err = reload(self)
  for _, variant in pairs(self.variants) do
    local fine, failure = reload(variant)
    ok, err = ok and fine, err or failure
  end
  if ok then return true end
  return nil, err
end

local function changed(self)
  if self.box:changed() then return true end
  for _, variant in pairs(self.variants) do
    if variant.box:changed() then return true end
  end
  return false
end

--- Reads the files again if they have changed. What is wrong is said once: files that could
--- not be read count as read.
local function refresh(self)
  self.looked = fiber.now()
  if not changed(self) then return end
  local ok, err = self:reload()
  if ok then return end
  runtime.write_report(("%s; what was there before stays in use"):format(err.message))
end

--- Watching ---------------------------------------------------------------------------

local watched, watched_count, timer = {}, 0, false

local function look()
  for context in pairs(watched) do
    refresh(context)
  end
  timer = watched_count > 0 and fiber.timer(INTERVAL, look) or false
end

--- Looks at the files every few seconds until what it returns is called.
---@return fun() stop harmless twice
function Context:watch()
  local open = true
  self.users = self.users + 1
  if self.users == 1 then
    watched[self], watched_count = true, watched_count + 1
    timer = timer or fiber.timer(INTERVAL, look)
  end
  return function()
    if not open then return end
    open, self.users = false, self.users - 1
    if self.users > 0 then return end
    watched[self], watched_count = nil, watched_count - 1
    if watched_count > 0 or not timer then return end
    timer:close()
    timer = false
  end
end

---- Is any context in use by who listens?
---@return boolean
function contexts.in_use() return watched_count > 0 end

--- Reads the files of all contexts that are in use, whether they have changed or not. What
--- is wrong is said each time.
function contexts.reload_all()
  for context in pairs(watched) do
    local ok, err = context:reload()
    if not ok then runtime.write_report(("%s; what was there before stays in use"):format(err.message)) end
  end
end

--- Making -----------------------------------------------------------------------------

local function protocols_of(list)
  return table.concat(list, "\0")
end

--- The same files, for protocols that the script has left open.
local function variant(self, alpn)
  local key = protocols_of(alpn)
  local known = self.variants[key]
  if known then return known end
  local native = with_environment(self.native)
  native.alpn = alpn
  local made, err = make(self.name, self.side, native)
  self.variants[key] = made
  return made, err
end

local function text_of(value)
  if type(value) ~= "table" then return ("%s %s"):format(type(value), tostring(value)) end
  local parts = {}
  for key, field in pairs(value) do
    parts[#parts + 1] = ("%s=%s"):format(tostring(key), text_of(field))
  end
  table.sort(parts)
  return "{" .. table.concat(parts, "\0") .. "}"
end

local kept = {} -- of clients, the latest last: { key =, context = }

local function shared(checked, native)
  local key = text_of(native)
  for i, one in ipairs(kept) do
    if one.key == key then
      table.insert(kept, table.remove(kept, i))
      if fiber.now() - one.context.looked > INTERVAL then refresh(one.context) end
      return one.context
    end
  end
  local context, err = make(checked.name, "client", native)
  if not context then return nil, err end
  if #kept >= KEPT then table.remove(kept, 1) end
  kept[#kept + 1] = { key = key, context = context }
  return context
end

--- The context of checked options; see `cro.tls.options`.
---@param checked cro.tls.Checked
---@param defaults { alpn: string[]|nil }|nil
---@return cro.tls.Context|nil
---@return cro.Error|nil why not
function contexts.of(checked, defaults)
  local alpn = defaults and defaults.alpn
  local context = checked.context
  if context then
    if not alpn or context.native.alpn then return context end
    return variant(context, alpn)
  end
  local native = with_environment(checked.native)
  native.alpn = native.alpn or alpn
  if checked.side == "client" then return shared(checked, native) end
  return make(checked.name, checked.side, native)
end

--- A context of its own, also for clients.
---@param checked cro.tls.Checked
---@return cro.tls.Context|nil
---@return cro.Error|nil why not
function contexts.own(checked) return make(checked.name, checked.side, with_environment(checked.native)) end

return contexts
