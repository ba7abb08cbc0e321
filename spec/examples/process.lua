return {
  arguments = [["echo one; sleep 0.2; echo three" "sleep 0.1; echo two; exec sleep 20" "sleep 0.4; echo failing >&2; exit 3"]],
  out = { "1 | one\n", "2 | two\n", "1 | three\n", "1 ended: exit code 0\n", "3 | failing\n",
    "3 ended: exit code 3\n", "command 3 failed\n" },
  status = 1,
}
