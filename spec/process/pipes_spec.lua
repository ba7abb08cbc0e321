local cro = require "cro"
local children = require "spec.support.children"
local garbage = require "spec.support.garbage"
local await, pawait = cro.await, cro.pawait

describe("processes joined by pipes #loop", function()
  after_each(function()
    garbage.collect()
    children.eventually(function() return children.open() == "0 processes, 0 pipes" end)
  end)

  it("read what the other writes, no byte passing through here", function()
    local yes, head = cro.process "yes", cro.process("head", "-n", 3)
    head:bind_stdin(yes:stdout())
    local out = head:stdout():list()
    local first, second = yes:start(), head:start()
    assert.equal("SIGPIPE", await(first).signal)
    assert.equal(0, await(second).code)
    assert.equal("y\ny\ny\n", table.concat(await(out)))
  end)

  it("may be started in any order, and be many", function()
    local last = children.process "echo b; echo a; echo b"
    local chain = { last }
    for _, words in ipairs { { "cat" }, { "sort" }, { "uniq", "-c" } } do
      words.stdin = last:stdout()
      last = cro.process(words)
      table.insert(chain, 1, last)
    end
    local out = last:stdout():list()
    local ends = {}
    for i, child in ipairs(chain) do
      ends[i] = child:start()
    end
    for _, info in ipairs(await(ends)) do
      assert.equal(0, info.code)
    end
    assert.same({ "1", "a", "2", "b" }, { table.concat(await(out)):match "(%d+) (%a)%s+(%d+) (%a)" })
  end)

  it("take stderr as well, or both in one", function()
    local child = children.process "echo out; echo err >&2"
    local reader = cro.process { "tr", "a-z", "A-Z", stdin = child:stderr() }
    child:bind_stdout "null"
    local out = reader:stdout():list()
    child:start()
    reader:start()
    assert.equal("ERR\n", table.concat(await(out)))
    child = children.process "echo out; echo err >&2"
    reader = cro.process { "cat", stdin = child:supply() }
    out = reader:stdout():list()
    child:start()
    reader:start()
    assert.equal("out\nerr\n", table.concat(await(out)))
  end)

  it("see the end when the other cannot be started", function()
    local missing, reader = cro.process "no-such-command", cro.process "cat"
    reader:bind_stdin(missing:stdout())
    local out = reader:stdout():list()
    local ended = reader:start()
    pawait(missing:start())
    assert.equal(0, await(ended).code)
    assert.equal(0, await(out).n)
    local writer = cro.process "yes"
    missing = cro.process { "no-such-command", stdin = writer:stdout() }
    ended = writer:start()
    pawait(missing:start())
    assert.equal("SIGPIPE", await(ended).signal)
  end)

  it("are joined once, and before either is started", function()
    local a, b = cro.process "true", cro.process "cat"
    local out = a:stdout()
    b:bind_stdin(out)
    assert.matches("stdout of 'true' is read already: it has one reader",
      children.refusal(cro.process, { "cat", stdin = out }), 1, true)
    assert.equal("stdout of 'true' goes to another process, which is its one reader",
      children.refusal(out.tap, out, print))
    local ended = a:start()
    assert.matches("cro.process: 'true' was started already; join processes before either is started",
      children.refusal(cro.process, { "cat", stdin = out }), 1, true)
    await { ended, b:start() }
  end)
end)

describe("a great deal of output #loop", function()
  it("makes the process wait for a slow reader, and no memory grow", function()
    local function rss()
      local file = io.open "/proc/self/statm"
      local _, pages = file:read("*n", "*n")
      file:close()
      return pages * 4096
    end
    local child = children.process "head -c 104857600 /dev/zero | cat"
    local size, most, handled, before = 0, 0, 0, nil
    cro.react(function()
      cro.whenever(child:stdout(), function(bytes)
        size, handled = size + #bytes, handled + 1
        if handled == 20 then before = rss() end
        if handled % 20 == 0 then
          cro.sleep(0.001)
          collectgarbage "step"
          most = math.max(most, rss() - (before or 0))
        end
      end)
      cro.whenever(child:start(), function(info) assert.equal(0, info.code) end)
    end)
    assert.equal(104857600, size)
    if children.sanitized() then return end -- which keeps freed memory
    assert.is_true(most < 16 * 1048576, ("memory grew by %d bytes"):format(most))
  end)

  it("stays in the pipe while nobody reads", function()
    local child = children.process "i=0; while [ $i -lt 400 ]; do printf '%01024d' 0; i=$((i + 1)); done"
    local out = child:stdout()
    local ended, size = child:start(), 0
    cro.sleep(0.3)
    assert.equal("planned", ended:status()) -- 400 KiB do not fit
    out:tap(function(bytes) size = size + #bytes end)
    assert.equal(0, await(ended).code)
    assert.equal(400 * 1024, size)
  end)
end)
