#include "http/media.h"

#include "base/err.h"
#include "base/text.h"

int cro_media_parse(cro_bytes text, uint64_t max, cro_media *out, const char **reason)
{
  cro_bytes rest = cro_bytes_trim(text);
  cro_bytes subtype = cro_bytes_trim(cro_bytes_take(&rest, cro_bytes_find(rest, ';')));
  cro_bytes type = cro_bytes_take(&subtype, cro_bytes_find(subtype, '/'));

  if (subtype.len < 2) {
    *reason = "no '/' between type and subtype";
    return CRO_E_SYNTAX;
  }
  (void)cro_bytes_take(&subtype, 1);
  if (!cro_text_is_token(type) || !cro_text_is_token(subtype)) {
    *reason = "type and subtype must be tokens";
    return CRO_E_SYNTAX;
  }
  *out = (cro_media){ .type = type, .subtype = subtype, .rest = rest, .left = max };
  return 0;
}

static void skip_blanks(cro_bytes *rest)
{
  while (rest->len > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t'))
    (void)cro_bytes_take(rest, 1);
}

/* Moves *rest, which begins with a quote, behind the closing one. False when there is
 * none, or a byte that may not stand in a quoted string. */
static bool take_quoted(cro_bytes *rest, cro_media_parameter *out)
{
  size_t at = 1;

  out->escaped = false;
  while (at < rest->len && rest->at[at] != '"') {
    if (rest->at[at] == '\\') {
      out->escaped = true;
      at++;
    }
    if (at == rest->len || !cro_char_is(rest->at[at], CRO_CHAR_VALUE))
      return false;
    at++;
  }
  if (at == rest->len)
    return false;
  out->value = (cro_bytes){ rest->at + 1, at - 1 };
  (void)cro_bytes_take(rest, at + 1);
  return true;
}

static bool take_parameter(cro_bytes *rest, cro_media_parameter *out)
{
  out->name = cro_bytes_take(rest, cro_bytes_find(*rest, '='));
  if (rest->len < 2 || !cro_text_is_token(out->name))
    return false;
  (void)cro_bytes_take(rest, 1);
  if (rest->at[0] == '"')
    return take_quoted(rest, out);
  out->value = cro_bytes_trim(cro_bytes_take(rest, cro_bytes_find(*rest, ';')));
  out->escaped = false;
  return cro_text_is_token(out->value);
}

/* What is read after a fault must be one again. */
static int spoil(cro_media *media, int rc)
{
  media->rest = CRO_B("!");
  return rc;
}

int cro_media_next(cro_media *media, cro_media_parameter *out)
{
  cro_media_parameter found;
  cro_bytes *rest = &media->rest;

  for (;;) {
    skip_blanks(rest);
    if (rest->len == 0)
      return 0;
    if (rest->at[0] != ';')
      return spoil(media, CRO_E_SYNTAX);
    (void)cro_bytes_take(rest, 1);
    skip_blanks(rest);
    if (rest->len > 0 && rest->at[0] != ';')
      break;
  }
  if (media->left == 0)
    return spoil(media, CRO_E_LIMIT);
  if (!take_parameter(rest, &found))
    return spoil(media, CRO_E_SYNTAX);
  media->left--;
  *out = found;
  return 1;
}

size_t cro_media_unescape(cro_bytes value, char *room)
{
  size_t len = 0;

  for (size_t i = 0; i < value.len; i++) {
    if (value.at[i] == '\\' && i + 1 < value.len)
      i++;
    room[len++] = value.at[i];
  }
  return len;
}

int cro_media_quote(cro_buf *out, cro_bytes value)
{
  size_t len = out->len;
  int rc;

  if (cro_text_is_token(value))
    return cro_buf_add(out, value);
  if (!cro_text_all(value, CRO_CHAR_VALUE))
    return CRO_E_SYNTAX;
  if (value.len > SIZE_MAX / 4)
    return CRO_E_NOMEM;
  rc = cro_buf_reserve(out, value.len * 2 + 2);
  if (rc != 0)
    return rc;
  out->at[len++] = '"';
  for (size_t i = 0; i < value.len; i++) {
    if (value.at[i] == '"' || value.at[i] == '\\')
      out->at[len++] = '\\';
    out->at[len++] = value.at[i];
  }
  out->at[len++] = '"';
  out->len = len;
  return 0;
}
