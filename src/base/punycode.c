#include "base/punycode.h"

#include "base/err.h"
#include "base/utf8.h"

#include <string.h>

/* RFC 3492 5; a label has at most 63 bytes, so no sum comes near 32 bits. */
enum { base = 36, t_min = 1, t_max = 26, skew = 38, damp = 700, first_bias = 72 };
enum { first_code = 128, label_max = 63 };

typedef struct {
  char *at;
  size_t len, room;
} text;

static int put(text *out, char byte)
{
  if (out->len + 1 >= out->room)
    return CRO_E_TOO_LONG;
  out->at[out->len++] = byte;
  return 0;
}

static int put_all(text *out, cro_bytes bytes)
{
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < bytes.len; i++)
    rc = put(out, bytes.at[i]);
  return rc;
}

static uint32_t adapt(uint32_t delta, uint32_t count, bool first)
{
  uint32_t k = 0;

  delta = first ? delta / damp : delta / 2;
  delta += delta / count;
  for (; delta > (base - t_min) * t_max / 2; k += base)
    delta /= base - t_min;
  return k + (base - t_min + 1) * delta / (delta + skew);
}

static char digit(uint32_t value)
{
  return (char)(value < 26 ? 'a' + value : '0' + value - 26);
}

/* A number whose digits say themselves which of them is the last. */
static int put_number(text *out, uint32_t value, uint32_t bias)
{
  int rc;

  for (uint32_t k = base;; k += base) {
    uint32_t t = k <= bias ? t_min : k >= bias + t_max ? t_max : k - bias;

    if (value < t)
      return put(out, digit(value));
    rc = put(out, digit(t + (value - t) % (base - t)));
    if (rc != 0)
      return rc;
    value = (value - t) / (base - t);
  }
}

static uint32_t next_code(const uint32_t *codes, size_t count, uint32_t from)
{
  uint32_t least = UINT32_MAX;

  for (size_t i = 0; i < count; i++)
    if (codes[i] >= from && codes[i] < least)
      least = codes[i];
  return least;
}

/* All letters beyond ASCII, smallest first, each as its distance from the one before.
 */
static int put_letters(text *out, const uint32_t *codes, size_t count, uint32_t basic)
{
  uint32_t code = first_code, delta = 0, bias = first_bias, done = basic;

  while (done < count) {
    uint32_t next = next_code(codes, count, code);
    int rc = 0;

    delta += (next - code) * (done + 1);
    code = next;
    for (size_t i = 0; rc == 0 && i < count; i++) {
      if (codes[i] < code)
        delta++;
      if (codes[i] != code)
        continue;
      rc = put_number(out, delta, bias);
      bias = adapt(delta, done + 1, done == basic);
      delta = 0;
      done++;
    }
    if (rc != 0)
      return rc;
    delta++;
    code++;
  }
  return 0;
}

static size_t letter_size(unsigned char first)
{
  return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* Of valid UTF-8. */
static uint32_t take_letter(cro_bytes *label)
{
  size_t size = letter_size((unsigned char)label->at[0]);
  uint32_t code = (unsigned char)label->at[0];

  if (size > 1)
    code &= 0x7Fu >> size;
  for (size_t i = 1; i < size; i++)
    code = code << 6 | ((unsigned char)label->at[i] & 0x3Fu);
  cro_bytes_take(label, size);
  return code;
}

static int put_foreign(text *out, cro_bytes label)
{
  uint32_t codes[label_max], basic = 0;
  size_t count = 0;
  int rc = put_all(out, CRO_B("xn--"));

  while (label.len > 0) {
    if (count == label_max)
      return CRO_E_TOO_LONG;
    codes[count++] = take_letter(&label);
  }
  for (size_t i = 0; rc == 0 && i < count; i++) {
    if (codes[i] >= first_code)
      continue;
    rc = put(out, (char)codes[i]);
    basic++;
  }
  if (rc == 0 && basic > 0)
    rc = put(out, '-');
  return rc == 0 ? put_letters(out, codes, count, basic) : rc;
}

static bool is_ascii(cro_bytes label)
{
  for (size_t i = 0; i < label.len; i++)
    if ((unsigned char)label.at[i] >= first_code)
      return false;
  return true;
}

static cro_bytes take_label(cro_bytes *host)
{
  const char *dot = memchr(host->at, '.', host->len);
  cro_bytes label = { host->at, dot != NULL ? (size_t)(dot - host->at) : host->len };

  cro_bytes_take(host, label.len);
  return label;
}

int cro_punycode_host(cro_bytes host, char *out, size_t room)
{
  text to = { out, 0, room };
  int rc = 0;

  if (room == 0)
    return CRO_E_TOO_LONG;
  if (!cro_utf8_ok(host))
    return CRO_E_INVAL;
  while (rc == 0 && host.len > 0) {
    cro_bytes label = take_label(&host);

    rc = is_ascii(label) ? put_all(&to, label) : put_foreign(&to, label);
    if (rc == 0 && host.len > 0) {
      rc = put(&to, '.');
      cro_bytes_take(&host, 1);
    }
  }
  out[to.len] = '\0';
  return rc;
}
