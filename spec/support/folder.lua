--- A folder of its own for each case of a spec, and what specs of files ask again and again.
local assert = require "luassert"
local cro = require "cro"
local children = require "spec.support.children"
local program = require "spec.support.program"
local garbage = require "spec.support.garbage"

local folder = {}

--- Has each case of the running `describe` begin with an empty folder, and look for
--- what it left open at its end. The table's `at(name)` is a path in it.
function folder.each(before_each, after_each)
  local self = {}
  local fds

  local function open_descriptors()
    garbage.collect()
    return #cro.await(cro.file.list "/proc/self/fd")
  end

  before_each(function()
    self.path = program.folder()
    fds = open_descriptors()
  end)
  after_each(function()
    folder.settled()
    program.remove(self.path)
    assert.is_true(open_descriptors() <= fds, "descriptors left open") -- other specs may let go of some
  end)
  function self.at(name) return self.path .. "/" .. name end
  return self
end

--- Waits until nothing about files is under way or open; what nobody holds counts as
--- closed.
function folder.settled()
  for _ = 1, 500 do
    garbage.collect()
    local stats = cro.stats()
    if stats.files == 0 and stats.file_requests == 0 then return end
    cro.sleep(0.01)
  end
  error("files are open still: " .. cro.stats().files)
end

--- Waits until a condition holds, 10 s at most.
folder.eventually = children.eventually

--- A promise is broken with this kind; returns the error.
function folder.broken(kind, promise)
  local value, err = cro.pawait(promise)
  assert.is_nil(value)
  assert.is_table(err)
  assert.equal(kind, err.kind, tostring(err))
  return err
end

--- Raises a mistake of the programmer that says this.
function folder.refused(text, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(text, tostring(err), 1, true)
end

return folder
