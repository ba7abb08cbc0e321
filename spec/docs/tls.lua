local assert = require "luassert"

--- The files of the page are those of the specs.
local function with_files(code)
  local mine = require("spec.support.certificates").issue()
  return (code:gsub("server%-crt%.pem", mine.certificate_file):gsub("server%-key%.pem", mine.private_key_file))
end

local function options_of(name)
  return require("spec.support.certificates").options({ host = "127.0.0.1", port = 0 }, { name = name, names = "DNS:" .. name })
end

local function ca() return require("spec.support.certificates").ca() end

--- Has a server play the other side while the block runs.
local function beside(run, listener, handler)
  local cro = require "cro"
  local tap = listener:tap(function(connection)
    cro.start(handler, connection):observe()
  end)
  run.finally[#run.finally + 1] = function() tap:close() end
  run.port = cro.await(listener:address()).port
end

local function answer(connection)
  local await = require("cro").await
  repeat local line = await(connection:read_line()) until not line or line == ""
  connection:write "HTTP/1.0 200 OK\r\n\r\nhello"
  connection:close()
end

local function starttls(plain)
  local cro = require "cro"
  plain:write "220 ready\r\n"
  cro.await(plain:read_line())
  plain:write "220 go ahead\r\n"
  local given = options_of "mail.example"
  given.host, given.port = nil, nil
  cro.await(cro.await(cro.tls.upgrade_server(plain, given)):read())
end

local function connect(port)
  local cro = require "cro"
  return cro.await(cro.tls.connect("127.0.0.1", port, { ca_file = ca() }))
end

local function shows(run, ...) assert.same({ ... }, run.printed) end

return {
  {
    rewrite = function(code)
      return (code:gsub('"example.org", 443', "{ host = '127.0.0.1', port = port(), server_name = 'example.org', ca_file = ca }"))
    end,
    names = function(run)
      return { ca = ca(), port = function() return run.port end }
    end,
    play = function(block, run)
      beside(run, require("cro").tls.listen(options_of "example.org"), answer)
      block()
      shows(run, "HTTP/1.0 200 OK", "TLSv1.3", "example.org")
    end,
  },
  {
    rewrite = function(code, run)
      run.bound = require("cro").Promise.new()
      return (with_files(code):gsub('"127.0.0.1", 7443, {', '{ host = "127.0.0.1", port = 0, bound = bound,'))
    end,
    names = function(run)
      return { bound = function(_, port) run.bound:keep(port) end }
    end,
    play = function(block, run)
      local cro = require "cro"
      local job = cro.start(block)
      local connection = connect(cro.await(run.bound))
      connection:write "echo"
      assert.equal("echo", cro.await(connection:read(4)))
      connection:close()
      job:cancel()
      cro.pawait(job)
    end,
  },
  {
    rewrite = function(code) return with_files(code) .. "\nreturn service" end,
    play = function(block, run)
      run.service = block()
      local _, port = run.service:address()
      local connection = require("cro").await(require("cro").tls.connect("localhost", port, { ca_file = ca() }))
      connection:write "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      assert.matches("^HTTP/1.1 200 OK\r\n.*Hello over TLS\n$", table.concat(require("cro").await(connection:supply():list())))
      connection:close()
    end,
  },
  false,
  false,
  {
    rewrite = function(code) return with_files(code) .. "\nreturn one, other" end,
    play = function(block, run)
      block()
      shows(run, "true")
    end,
  },
  {
    rewrite = function(code)
      return (code:gsub('"mail.example", 2525', "'127.0.0.1', port()"):gsub('server_name = "mail.example"', "%0, ca_file = ca"))
    end,
    names = function(run)
      return { ca = ca(), port = function() return run.port end }
    end,
    play = function(block, run)
      beside(run, require("cro").tcp.listen("127.0.0.1", 0), starttls)
      block()
      shows(run, "220 ready", "220 go ahead", "true")
    end,
  },
}
