return {
  out = 'asked "is anybody there?", heard "IS ANYBODY THERE?"\n',
}
