--- A shell command that waits for its turn, and that what was said before has been read.
local function after(turn) return ("until [ -e %s ]; do sleep 0.02; done; sleep 0.2; "):format(turn) end

local commands = {
  "echo one; touch second; " .. after "third" .. "echo three; touch fourth",
  after "second" .. "echo two; touch third; exec sleep 20",
  after "fourth" .. "echo failing >&2; exit 3",
}

return {
  arguments = '"' .. table.concat(commands, '" "') .. '"',
  out = { "1 | one\n", "2 | two\n", "1 | three\n", "1 ended: exit code 0\n", "3 | failing\n",
    "3 ended: exit code 3\n", "command 3 failed\n" },
  status = 1,
}
