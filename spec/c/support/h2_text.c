#include "support/h2_text.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void reserve(h2_text *text, size_t more)
{
  size_t cap = text->cap > 0 ? text->cap : 256;

  while (cap < text->len + more)
    cap *= 2;
  if (cap == text->cap)
    return;
  text->at = realloc(text->at, cap);
  cro_check(text->at != NULL);
  text->cap = cap;
}

void h2_text_add(h2_text *text, cro_bytes bytes)
{
  if (bytes.len == 0)
    return;
  reserve(text, bytes.len);
  memcpy(text->at + text->len, bytes.at, bytes.len);
  text->len += bytes.len;
}

void h2_text_say(h2_text *text, const char *format, ...)
{
  char line[512];
  va_list args;
  int n;

  va_start(args, format);
  n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  cro_check(n >= 0 && (size_t)n < sizeof line);
  h2_text_add(text, (cro_bytes){ line, (size_t)n });
}

void h2_text_uint(h2_text *text, uint64_t number, int bytes)
{
  while (bytes-- > 0) {
    char byte = (char)(number >> (8 * bytes));

    h2_text_add(text, (cro_bytes){ &byte, 1 });
  }
}

void h2_text_drop(h2_text *text, size_t n)
{
  cro_check(n <= text->len);
  if (n > 0)
    memmove(text->at, text->at + n, text->len - n);
  text->len -= n;
}

void h2_text_free(h2_text *text)
{
  free(text->at);
  *text = (h2_text){ 0 };
}
