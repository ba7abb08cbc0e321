local cro = require "cro"
local children = require "spec.support.children"
local garbage = require "spec.support.garbage"
local await, pawait, run = cro.await, cro.pawait, cro.process.run

local function broken(promise, kind, text)
  local value, err = pawait(promise)
  assert.is_nil(value)
  assert.same({ kind, text }, { err.kind, tostring(err) })
  return err
end

describe("cro.process.run #loop", function()
  after_each(function()
    garbage.collect()
    children.eventually(function() return children.open() == "0 processes, 0 pipes" end)
  end)

  it("gives all output and how it ended", function()
    local result = await(run("sh", "-c", "printf 'a\\0b'; echo oops >&2; exit 3"))
    assert.same({ "a\0b", "oops\n", 3, nil }, { result.stdout, result.stderr, result.code, result.signal })
    assert.is_number(result.pid)
    result = await(run { "sh", "-c", "kill -TERM $$" })
    assert.same({ "", "", nil, "SIGTERM" }, { result.stdout, result.stderr, result.code, result.signal })
  end)

  it("gives it its input, however much", function()
    local input = ("0123456789abcdef"):rep(65536)
    local result = await(run("cat", { input = input }))
    assert.is_true(result.stdout == input)
    assert.equal("0\n", await(run { "wc", "-c", input = "" }).stdout:gsub(" ", ""))
  end)

  it("gives it no input when there is none, rather than this program's", function()
    assert.equal("", await(run "cat").stdout)
  end)

  it("does not mind a process that wants no more of its input", function()
    assert.equal(0, await(run("true", { input = ("x"):rep(1000000) })).code)
    local result = await(run("head", "-c", 3, { input = ("y"):rep(10000000) }))
    assert.equal("yyy", result.stdout)
  end)

  it("ends what says too much", function()
    local err = broken(run("yes", { max_output = 100000 }), "limit", "'yes': more than 100000 bytes of stdout (max_output)")
    assert.is_true(#err.stdout <= 100000)
    err = broken(run { "sh", "-c", "echo fine; yes >&2", max_output = 1000 }, "limit",
      "'sh': more than 1000 bytes of stderr (max_output)")
    assert.equal("fine\n", err.stdout)
    assert.equal("x", await(run("printf", "x", { max_output = 1 })).stdout)
    broken(run("printf", "xy", { max_output = 1 }), "limit", "'printf': more than 1 bytes of stdout (max_output)")
  end)

  it("breaks for a failure when it is to check", function()
    local err = broken(run { "sh", "-c", "echo out; echo 'no luck' >&2; exit 3", check = true }, "exit",
      "'sh' failed, exit code 3: no luck")
    assert.same({ "out\n", "no luck\n", 3 }, { err.stdout, err.stderr, err.code })
    broken(run { "sh", "-c", "kill -KILL $$", check = true }, "exit", "'sh' failed, ended by SIGKILL")
    assert.equal(0, await(run { "true", check = true }).code)
    local _, long = pawait(run { "sh", "-c", "seq 10000 >&2; exit 1", check = true })
    assert.matches("^'sh' failed, exit code 1: %.%.%.%d+\n.*\n9999\n10000$", tostring(long))
    assert.is_true(#tostring(long) < 1100)
    assert.is_true(#long.stderr > 10000)
  end)

  it("breaks when time is over, with what was said so far", function()
    local err = broken(run { "sh", "-c", "echo partial; exec sleep 10", timeout = 0.5 }, "timeout",
      "'sh' did not end within 0.5 s")
    assert.same({ "partial\n", "SIGTERM" }, { err.stdout, err.signal })
  end)

  it("breaks when it cannot be started", function()
    local err = broken(run("no-such-command", { input = "x" }), "not_found",
      "'no-such-command' cannot be started: no such command")
    assert.equal("", err.stdout)
  end)

  it("is cancelled with its process", function()
    local promise = run("sleep", 10)
    children.eventually(function() return cro.stats().processes == 1 end)
    promise:cancel()
    local _, err = pawait(promise)
    assert.equal("cancelled", err.kind)
  end)

  it("leaves output that is to go elsewhere alone", function()
    local file = io.tmpfile()
    local result = await(run { "sh", "-c", "echo out; echo err >&2", stdout = file, stderr = "stdout" })
    assert.same({ "", "" }, { result.stdout, result.stderr })
    file:seek "set"
    assert.equal("out\nerr\n", file:read "*a")
    file:close()
  end)

  it("names itself when it is used wrongly", function()
    assert.matches('cro.process.run: a command expected, as in cro.process.run("ls", "-l")',
      children.refusal(run), 1, true)
    assert.matches('cro.process.run: unknown option "max_ouput"; did you mean "max_output"?',
      children.refusal(run, { "ls", max_ouput = 1 }), 1, true)
    assert.matches("cro.process.run: with input, the option stdin has nothing to say",
      children.refusal(run, { "ls", input = "", stdin = "null" }), 1, true)
  end)
end)
