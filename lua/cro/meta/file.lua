---@meta cro.core
--- Files, as C gives them to Lua; for cro.file and cro.stdio.

---@class cro.core
---@field fs_flags table<string, integer> the flags of requests by name, to be added up
local core = {}

--- Starts an operation on a path, or on an open file. `fn` is called once, on a fiber.
---@param op string a name of src/net/file.h
---@param args table what the operation needs; `op` is its name for errors
---@param fn fun(value: any, err: cro.Error|nil, more: any)
---@param file userdata|nil the open file
---@return cro.core.FileRequest|nil request nil when too much is asked already, or the file is closed
---@return cro.Error|nil err
function core.fs(op, args, fn, file) end

---@class cro.core.FileRequest
local request = {}

--- The function is not called any more. What a thread has begun it may finish. Harmless
--- later.
function request:cancel() end

---@class cro.core.File
local file = {}

--- Its descriptor, which stays the file's, standing where the file stands; nil when it is
--- closed.
---@return integer|nil
function file:fd() end

--- A standard stream as an open file: 0, 1 or 2.
---@param fd integer
---@return userdata|nil file
---@return cro.Error|nil err kind "closed" when the program was started without it
function core.stdio(fd) end

--- Is a standard stream a terminal? With its size where that is known.
---@param fd integer
---@return boolean
---@return integer|nil columns
---@return integer|nil rows
function core.stdio_terminal(fd) end

---@class cro.core
---@field watch_kinds table<string, integer> what an event may be, as bits

--- Opens a source of changes in files. `fn` is called, on a fiber, when there are events;
--- it takes them until none is left.
---@param fn fun()
---@return cro.core.Watch|nil watch
---@return cro.Error|nil err
function core.watch(fn) end

---@class cro.core.Watch
local watch = {}

--- Watches a path, for its entries when it is a folder. The same file has the same id.
---@param path string
---@param only_folder boolean nothing else: kind "not_directory"
---@param no_link boolean no link
---@return integer|nil id
---@return cro.Error|nil err kind "limit" when the system watches no more
function watch:add(path, only_folder, no_link) end

--- Watches it no more; its last event says that it has ended.
---@param id integer
function watch:remove(id) end

--- The next event; nothing when there is none now.
---@return integer|nil id
---@return integer|nil what bits of core.watch_kinds
---@return string|nil name within the folder; empty: the path itself
function watch:take() end

--- Watches nothing any more. Harmless twice.
function watch:close() end
