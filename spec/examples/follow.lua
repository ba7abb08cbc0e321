--- Adds to the file and waits until that was shown.
local function adds(line, how)
  return {
    run = ("%s; n=0; until grep -q %s example.out; do n=$((n + 1)); [ $n -lt 200 ] && sleep 0.05 || exit 1; done"):format(
      how or ("echo %s >>stdin"):format(line), line),
  }
end

return {
  stdin = "old line\n",
  arguments = "stdin",
  ready = "grep -q following example.err",
  clients = {
    adds "one", adds "two", adds("other", "echo other >new; mv new stdin"), adds "more", adds("short", "echo short >stdin"),
  },
  out = "one\ntwo\nother\nmore\nshort\n",
  err = "following stdin\n",
}
