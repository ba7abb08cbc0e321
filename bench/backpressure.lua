--- One side of `bench/backpressure`: `crolua bench/backpressure.lua ROLE BYTES [PORT]`.
---
--- `consume` listens, says on which port, and reads slowly: after each 16 MiB it sleeps for
--- 20 ms, in the handler. The other roles connect and send so many bytes as fast as they
--- are taken: `strings` made one by one, a `file`, the output of a `process`. Both sides
--- compare what they are given with what was to come, and print how much it was.
local cro = require "cro"

local role, bytes, port = arg[1], tonumber(arg[2]), tonumber(arg[3])

local PIECE, PERIOD = 65536, 251
local NAP_AFTER, NAP = 16 * 1024 * 1024, 0.02

--- What every stream consists of, PERIOD bytes again and again.
local pattern
do
  local period = {}
  for i = 0, PERIOD - 1 do
    period[i + 1] = string.char(i)
  end
  pattern = table.concat(period):rep(math.ceil(PIECE / PERIOD) + 2)
end

--- Piece after piece of the stream.
local function at(offset, size)
  local from = offset % PERIOD
  return pattern:sub(from + 1, from + size)
end

local function consume()
  local got, awake = 0, 0
  local listener = cro.tcp.listen("127.0.0.1", 0, { bound = function(_, chosen)
    io.stdout:write(chosen, "\n")
    io.stdout:flush()
  end })
  cro.react(function()
    cro.whenever(listener, function(connection)
      cro.whenever(connection, function(data)
        assert(data:byte(1) == got % PERIOD and data:byte(-1) == (got + #data - 1) % PERIOD, "wrong bytes")
        got, awake = got + #data, awake + #data
        if awake < NAP_AFTER then return end
        awake = 0
        cro.sleep(NAP)
      end):last(cro.done)
    end)
  end)
  return got
end

local function send_strings(connection)
  local sent = 0
  while sent < bytes do
    sent = sent + cro.await(connection:write(at(sent, math.min(PIECE, bytes - sent))))
  end
  return sent
end

local function send_all(source, connection)
  local sent = 0
  cro.react(function()
    cro.whenever(source, function(data) sent = sent + cro.await(connection:write(data)) end)
  end)
  return sent
end

--- A file of the whole stream, made before anything is measured.
local function make_file()
  local folder = cro.await(cro.file.temp_dir())
  local path = folder.path .. "/stream"
  local out = assert(io.open(path, "wb"))
  for offset = 0, bytes - 1, PIECE do
    assert(out:write(at(offset, math.min(PIECE, bytes - offset))))
  end
  out:close()
  return path
end

local function produce()
  local path = role ~= "strings" and make_file()
  local connection = cro.await(cro.tcp.connect("127.0.0.1", port))
  local sent
  if role == "strings" then
    sent = send_strings(connection)
  elseif role == "file" then
    sent = send_all(cro.file.stream(path), connection)
  else
    local child = cro.process("cat", path)
    local output = child:stdout()
    child:start()
    sent = send_all(output, connection)
  end
  cro.await(connection:flush())
  connection:close()
  return sent
end

print(role == "consume" and consume() or produce())
