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
