return {
  stdin = ("a line of text\n"):rep(200000),
  arguments = "stdin made tr a-z A-Z",
  out = "3000000 bytes became 3000000\n",
}
