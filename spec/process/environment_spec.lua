local cro = require "cro"
local children = require "spec.support.children"
local program = require "spec.support.program"
local sh = children.sh

--- The variables a process has, sorted.
local function variables(more)
  local given = { "env" }
  for key, value in pairs(more) do
    given[key] = value
  end
  local lines = {}
  for line in cro.await(cro.process.run(given)).stdout:gmatch "[^\n]+" do
    lines[#lines + 1] = line
  end
  table.sort(lines)
  return lines
end

describe("what a process is born with #loop:", function()
  it("this program's environment, with what differs", function()
    local own = variables {}
    assert.is_true(#own > 1)
    local changed = variables { env = { CRO_A = "x=y=", CRO_B = "", CRO_C = 12, HOME = false, PATH = "/bin:/usr/bin" } }
    local expected = { "CRO_A=x=y=", "CRO_B=", "CRO_C=12", "PATH=/bin:/usr/bin" }
    for _, line in ipairs(own) do
      if not line:find "^HOME=" and not line:find "^PATH=" then expected[#expected + 1] = line end
    end
    table.sort(expected)
    assert.same(expected, changed)
  end)

  it("an environment of its own, without PATH too", function()
    assert.same({}, variables { clear_env = true })
    assert.same({ "A=\nline", "B==" }, (function()
      local text = cro.await(cro.process.run { "env", "-0", clear_env = true, env = { A = "\nline", B = "=" } }).stdout
      local list = {}
      for entry in text:gmatch "%Z+" do
        list[#list + 1] = entry
      end
      table.sort(list)
      return list
    end)())
  end)

  it("the command found in its own PATH, in the order of that", function()
    local folder = program.folder()
    os.execute(("mkdir %s/a %s/b"):format(folder, folder))
    program.write(folder .. "/a/tool", "not executable")
    program.write(folder .. "/b/tool", "#!/bin/sh\necho tool of b\n")
    os.execute(("chmod +x %s/b/tool"):format(folder))
    local path = ("%s/none:%s/a:%s/b:/bin"):format(folder, folder, folder)
    assert.equal("tool of b\n", cro.await(cro.process.run("tool", { env = { PATH = path } })).stdout)
    os.execute(("chmod -x %s/b/tool"):format(folder))
    local _, err = cro.pawait(cro.process.run("tool", { env = { PATH = path } }))
    assert.equal("access", err.kind)
    program.remove(folder)
  end)

  it("a script without a first line that names who reads it, read by the shell", function()
    local folder = program.folder()
    program.write(folder .. "/script", "echo \"script of $1, $#\"\n")
    os.execute(("chmod +x %s/script"):format(folder))
    assert.equal("script of a b, 2\n", cro.await(cro.process.run(folder .. "/script", "a b", "")).stdout)
    program.remove(folder)
  end)

  it("a working directory, which a relative command starts from", function()
    local folder = program.folder()
    program.write(folder .. "/here.sh", "#!/bin/sh\npwd\n")
    os.execute(("chmod +x %s/here.sh"):format(folder))
    assert.equal(folder .. "\n", cro.await(cro.process.run { "./here.sh", cwd = folder }).stdout)
    program.remove(folder)
  end)

  it("arguments as they are, however long or strange", function()
    local long = ("x"):rep(100000)
    local result = cro.await(cro.process.run("printf", "%s|", "", "a b", "'\"$x\n", "\255\1", 12, long))
    assert.equal("|a b|'\"$x\n|\255\1|12|" .. long .. "|", result.stdout)
    local many = { "sh", "-c", "echo $#", "sh" }
    for i = 1, 5000 do
      many[#many + 1] = i
    end
    assert.equal("5000\n", cro.await(cro.process.run(many)).stdout)
    local _, err = cro.pawait(cro.process.run("true", ("x"):rep(3000000)))
    assert.equal("too_long", err.kind)
  end)

  it("no descriptor but the three, whatever is open here", function()
    local files = {}
    for i = 1, 20 do
      files[i] = io.open("/etc/passwd") -- of the io library: not close-on-exec
    end
    local bound = cro.Promise.new()
    local tap = cro.tcp.listen("127.0.0.1", 0, { bound = function(_, port) bound:keep(port) end }):tap()
    cro.await(bound)
    assert.equal("0\n1\n2\n3\n", sh("ls /proc/self/fd").stdout) -- 3: the folder that ls reads
    tap:close()
    for _, file in ipairs(files) do
      file:close()
    end
  end)

  it("descriptors that exchange their places", function()
    local folder = program.folder()
    program.write(folder .. "/script.lua", [[
      local cro = require "cro"
      cro.await(cro.process { "sh", "-c", "echo out; echo err >&2", stdout = 2, stderr = 1 }:start())
    ]])
    local result = program.shell(folder, program.quote(program.crolua()) .. " script.lua")
    assert.same({ out = "err\n", err = "out\n", status = 0 }, result)
    program.remove(folder)
  end)

  it("nothing where this program has nothing", function()
    local folder = program.folder()
    program.write(folder .. "/script.lua", [[
      local cro = require "cro"
      local child = cro.process { "sh", "-c", "(cat || echo no input >&2; echo out) 2>&1 | grep -c . >&2" }
      os.exit(cro.await(child:start()).code)
    ]])
    local result = program.shell(folder, program.quote(program.crolua()) .. " script.lua <&- >&-")
    assert.same({ out = "", err = "3\n", status = 0 }, result) -- what cat says, no input, out
    program.remove(folder)
  end)

  it("signals as they usually are", function()
    local function mask(status, kind) -- above 31 the C library has two of its own
      return bit.band(tonumber(status:match(kind .. ":%s*%x*(%x%x%x%x%x%x%x%x)"), 16), 0x7fffffff)
    end
    local status = sh("cat /proc/self/status").stdout
    -- What this program was told to ignore stays so, as in any shell; not what it ignores itself.
    local own = bit.bor(bit.lshift(1, 13 - 1), bit.lshift(1, 25 - 1)) -- SIGPIPE, SIGXFSZ
    local ignored = mask(program.read "/proc/self/status", "SigIgn")
    assert.equal(bit.band(ignored, bit.bnot(own)), mask(status, "SigIgn"))
    assert.equal(0, mask(status, "SigBlk"))
  end)

  it("another user and group", function()
    if sh("id -u").stdout ~= "0\n" then return end -- takes privilege
    assert.equal("65534 65534 65534\n", sh("echo $(id -u) $(id -g) $(id -G)", { uid = 65534, gid = 65534 }).stdout)
    local _, err = cro.pawait(cro.process.run { "sh", "-c", "true", uid = 2 ^ 32 - 1 })
    assert.equal("invalid", err.kind)
    assert.matches("'sh' cannot be started: its user or group: ", tostring(err), 1, true)
  end)

  it("a session of its own when it is detached", function()
    local ids = sh("ps -o pid=,pgid=,sid= -p $$", { detached = true }).stdout
    local pid, group, session = ids:match "(%d+)%s+(%d+)%s+(%d+)"
    assert.same({ pid, pid }, { group, session })
  end)
end)
