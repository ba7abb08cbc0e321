return {
  stdin = "one two\nthree\n  four five\n",
  out = "      3       5      26 \n",
}
