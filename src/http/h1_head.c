#include "http/h1_read.h"

#include "base/err.h"
#include "base/text.h"
#include "http/target.h"

/* --- accounting ---------------------------------------------------------------------
 */

static bool is_at(cro_bytes view, size_t at, cro_bytes what)
{
  return at <= view.len && what.len <= view.len - at &&
         memcmp(view.at + at, what.at, what.len) == 0;
}

static int account_request_line(cro_h1_parser *parser, cro_bytes view)
{
  uint32_t end = parser->url.at + parser->url.len;

  if (parser->url.at != parser->method_len + 1 || parser->url.len == 0)
    return -400;
  if (is_at(view, end, CRO_B(" HTTP/1.1\r\n")))
    parser->minor = 1;
  else if (is_at(view, end, CRO_B(" HTTP/1.0\r\n")))
    parser->minor = 0;
  else /* HTTP/0.9, RTSP and ICE pass llhttp, and so does HTTP/2.0 as text */
    return is_at(view, end, CRO_B(" HTTP/2.0\r\n")) ? -505 : -400;
  parser->fields_at = end + 11;
  return 0;
}

/* RFC 9112 4: version, three digits, a space even before an empty reason. The space is
 * missed by enough servers to do without. */
static int account_status_line(cro_h1_parser *parser, cro_bytes view)
{
  cro_bytes digits = { view.at + 9, 3 };
  cro_bytes reason;
  uint64_t status;

  if (view.len < 14 || !is_at(view, 0, CRO_B("HTTP/1.")) || view.at[8] != ' ' ||
      view.at[7] < '0' || view.at[7] > '1')
    return -400;
  if (cro_text_u64(digits, &status) != 0 || status < 100 || status > 599)
    return -400;
  parser->minor = (uint8_t)(view.at[7] - '0');
  parser->status = (int)status;
  reason = (cro_bytes){ view.at + 12, view.len - 12 };
  if (reason.at[0] == ' ')
    cro_bytes_take(&reason, 1);
  reason.len = cro_bytes_find(reason, '\r');
  parser->reason = reason;
  parser->fields_at = (uint32_t)(reason.at - view.at) + (uint32_t)reason.len + 2;
  return is_at(view, parser->fields_at - 2, CRO_B("\r\n")) ? 0 : -400;
}

int cro_h1_account_line(cro_h1_parser *parser, cro_bytes view)
{
  return parser->response ? account_status_line(parser, view)
                          : account_request_line(parser, view);
}

/* One field line must be: name ':' blanks value blanks CR LF, starting at *at. */
static int account_field(cro_bytes view, cro_h1_slot *slot, uint32_t *at)
{
  cro_h1_span name = slot->span.name, value = slot->span.value;
  uint32_t colon = name.at + name.len;
  uint32_t from = colon + 1, end;

  if (name.at != *at || name.len == 0 || colon >= view.len || view.at[colon] != ':')
    return -400;
  while (from < view.len && cro_is_blank(view.at[from]))
    from++;
  end = value.len > 0 ? value.at + value.len : from;
  if ((value.len > 0 && from < value.at) || !is_at(view, end, CRO_B("\r\n")))
    return -400;
  *at = end + 2;
  while (end > from && cro_is_blank(view.at[end - 1]))
    end--;
  slot->header = (cro_header){ { view.at + name.at, name.len },
                               { view.at + from, end > from ? end - from : 0 } };
  return 0;
}

int cro_h1_account_fields(cro_h1_parser *parser, cro_bytes view, uint32_t at)
{
  const cro_headers *fields = &parser->section;
  int rc = parser->folded ? -400 : 0;

  for (uint32_t i = 0; rc == 0 && i < fields->count; i++)
    rc = account_field(view, (cro_h1_slot *)(void *)&fields->at[i], &at);
  if (rc == 0 && (!is_at(view, at, CRO_B("\r\n")) || at + 2 != view.len))
    rc = -400; /* a CRLF LF, or a line without a name */
  if (rc == 0)
    *parser->fields = *fields;
  return rc;
}

/* --- methods ---------------------------------------------------------------------- */

int cro_h1_method_verdict(cro_bytes name, cro_method *method)
{
  static const cro_bytes foreign[] = {
    CRO_B_INIT("DESCRIBE"), CRO_B_INIT("ANNOUNCE"),      CRO_B_INIT("SETUP"),
    CRO_B_INIT("PLAY"),     CRO_B_INIT("PAUSE"),         CRO_B_INIT("TEARDOWN"),
    CRO_B_INIT("RECORD"),   CRO_B_INIT("GET_PARAMETER"), CRO_B_INIT("SET_PARAMETER"),
    CRO_B_INIT("REDIRECT"), CRO_B_INIT("FLUSH"),         CRO_B_INIT("SOURCE"),
  };

  *method = cro_method_find(name);
  if (*method != CRO_METHOD_NONE)
    return 1;
  if (cro_bytes_eq(name, CRO_B("PRI"))) /* the HTTP/2 preface, on the wrong door */
    return -505;
  for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
    if (cro_bytes_eq(name, foreign[i])) /* RTSP's and ICE's */
      return -400;
  return -501;
}

/* --- what fields say about the message ------------------------------------------- */

static void note_connection(cro_h1_facts *facts, cro_bytes value)
{
  while (value.len > 0) {
    cro_bytes option =
        cro_bytes_trim(cro_bytes_take(&value, cro_bytes_find(value, ',')));

    cro_bytes_take(&value, 1);
    if (cro_bytes_ieq(option, CRO_B("close")))
      facts->close = true;
    else if (cro_bytes_ieq(option, CRO_B("keep-alive")))
      facts->keep_alive = true;
    else if (cro_bytes_ieq(option, CRO_B("upgrade")))
      facts->upgrade_option = true;
  }
}

static void note(cro_h1_facts *facts, const cro_header *field)
{
  switch (field->name.len) {
  case 4:
    if (cro_bytes_ieq(field->name, CRO_B("host")) && facts->hosts++ == 0)
      facts->host = field->value;
    break;
  case 6:
    if (cro_bytes_ieq(field->name, CRO_B("expect")) && facts->expects++ == 0)
      facts->expect = field->value;
    break;
  case 7:
    if (cro_bytes_ieq(field->name, CRO_B("upgrade")))
      facts->upgrade = true;
    break;
  case 10:
    if (cro_bytes_ieq(field->name, CRO_B("connection")))
      note_connection(facts, field->value);
    break;
  case 14:
    if (cro_bytes_ieq(field->name, CRO_B("content-length")) && facts->lengths++ == 0)
      facts->length = field->value;
    break;
  case 17:
    if (cro_bytes_ieq(field->name, CRO_B("transfer-encoding")) && facts->codings++ == 0)
      facts->coding = field->value;
    break;
  default:
    break;
  }
}

static void note_all(cro_h1_parser *parser)
{
  for (uint32_t i = 0; i < parser->fields->count; i++)
    note(&parser->facts, &parser->fields->at[i]);
}

/* RFC 9112 6.2, 9110 8.6: digits only, once. */
static int settle_length(cro_h1_parser *parser)
{
  const cro_h1_facts *facts = &parser->facts;
  uint64_t length;

  if (facts->lengths > 1 || cro_text_u64(facts->length, &length) != 0 ||
      length > INT64_MAX)
    return -400;
  parser->left = length;
  parser->framing = length > 0 ? CRO_H1_LENGTH : CRO_H1_NO_BODY;
  return 0;
}

/* RFC 9112 6.1: exactly "chunked", on HTTP/1.1, without a Content-Length. */
static int settle_coding(cro_h1_parser *parser)
{
  const cro_h1_facts *facts = &parser->facts;

  if (parser->minor == 0 || facts->lengths > 0 || facts->codings > 1 ||
      facts->coding.len == 0)
    return -400;
  if (!cro_bytes_ieq(facts->coding, CRO_B("chunked")))
    return -501;
  parser->framing = CRO_H1_CHUNKED;
  parser->digits_open = true;
  return 0;
}

/* --- Host and target -------------------------------------------------------------- */

/* RFC 9112 3.2: one Host on HTTP/1.1, at most one before, and a proper one. */
static int settle_host(const cro_h1_parser *parser)
{
  const cro_h1_facts *facts = &parser->facts;

  if (facts->hosts > 1 || (facts->hosts == 0 && parser->minor > 0))
    return -400;
  if (facts->host.len == 0)
    return 0; /* RFC 9110 7.2: what names no host is said with nothing */
  return cro_host_ok(facts->host) ? 0 : -400;
}

static bool take_scheme(cro_bytes *target)
{
  size_t n = cro_bytes_find(*target, ':');
  cro_bytes scheme = { target->at, n };

  if (!cro_bytes_ieq(scheme, CRO_B("http")) && !cro_bytes_ieq(scheme, CRO_B("https")))
    return false;
  cro_bytes_take(target, n);
  return cro_bytes_eq(cro_bytes_take(target, 3), CRO_B("://"));
}

/* Who reads the field must not learn of another host than who reads the target. */
static void rewrite_host(cro_request *request)
{
  uint32_t at = 0;

  if (cro_headers_next(&request->headers, CRO_B("Host"), &at) != NULL)
    request->headers.at[at - 1].value = request->authority;
}

/* RFC 9112 3.2.2: the target's authority wins over Host; an empty path means "/", or
 * the server itself for OPTIONS (3.2.4). */
static int settle_absolute(cro_request *request, cro_bytes target)
{
  size_t n = 0;

  if (!take_scheme(&target))
    return -400;
  while (n < target.len && target.at[n] != '/' && target.at[n] != '?')
    n++;
  request->authority = cro_bytes_take(&target, n);
  if (n == 0 || !cro_authority_ok(request->authority))
    return -400;
  rewrite_host(request);
  cro_target_split(request, target);
  if (request->path.len == 0)
    request->path = request->method == CRO_OPTIONS && request->query.len == 0
                        ? CRO_B("*")
                        : CRO_B("/");
  return 0;
}

/* RFC 9112 3.2. A fragment is no part of any form. */
static int settle_target(cro_request *request)
{
  cro_bytes target = request->target;

  if (cro_bytes_find(target, '#') < target.len)
    return -400;
  if (request->method == CRO_CONNECT)
    return cro_target_connect(request);
  if (target.at[0] == '/') {
    cro_target_split(request, target);
    return 0;
  }
  if (target.at[0] != '*')
    return settle_absolute(request, target);
  request->path = target;
  return target.len == 1 && request->method == CRO_OPTIONS ? 0 : -400;
}

/* --- verdicts ----------------------------------------------------------------------
 */

static int settle_framing(cro_h1_parser *parser)
{
  if (parser->facts.codings > 0)
    return settle_coding(parser);
  if (parser->facts.lengths > 0)
    return settle_length(parser);
  parser->framing = CRO_H1_NO_BODY;
  return 0;
}

static int64_t announced(const cro_h1_parser *parser)
{
  if (parser->framing == CRO_H1_NO_BODY)
    return 0;
  return parser->framing == CRO_H1_LENGTH ? (int64_t)parser->left : -1;
}

/* RFC 9110 10.1.1: the only expectation there is; HTTP/1.0 has none. */
static int settle_expect(cro_h1_parser *parser, cro_request *request)
{
  const cro_h1_facts *facts = &parser->facts;

  if (facts->expects == 0 || parser->minor == 0)
    return 0;
  if (facts->expects > 1 || !cro_bytes_ieq(facts->expect, CRO_B("100-continue")))
    return -417;
  request->expect_continue = parser->framing != CRO_H1_NO_BODY;
  return 0;
}

/* RFC 9112 9.3. After CONNECT the peer may send bytes of the tunnel it hoped for. */
static bool persists(const cro_h1_parser *parser)
{
  if (parser->facts.close || parser->method == CRO_CONNECT)
    return false;
  return parser->minor > 0 || parser->facts.keep_alive;
}

int cro_h1_settle_request(cro_h1_parser *parser, cro_request *request)
{
  int rc;

  note_all(parser);
  request->method = parser->method;
  request->minor = parser->minor;
  request->target = (cro_bytes){ parser->view + parser->url.at, parser->url.len };
  request->authority = parser->facts.host;
  request->upgrade = parser->facts.upgrade && parser->facts.upgrade_option;
  request->keep_alive = persists(parser);
  if ((rc = settle_host(parser)) != 0 || (rc = settle_framing(parser)) != 0 ||
      (rc = settle_target(request)) != 0 || (rc = settle_expect(parser, request)) != 0)
    return rc;
  request->body.length = announced(parser);
  return 0;
}

/* RFC 9112 6.3 1: these have no content whatever their fields say. */
static bool is_bodiless(const cro_h1_parser *parser)
{
  return parser->status < 200 || parser->status == 204 || parser->status == 304 ||
         parser->headless;
}

int cro_h1_settle_response(cro_h1_parser *parser)
{
  const cro_h1_facts *facts = &parser->facts;
  int rc = 0;

  note_all(parser);
  if (facts->codings > 0 && facts->lengths > 0)
    return -400;
  if (parser->status == 101 || (parser->tunnel && parser->status / 100 == 2))
    parser->framing = CRO_H1_UNTIL_CLOSE;
  else if (is_bodiless(parser))
    parser->framing = CRO_H1_NO_BODY;
  else if (facts->codings > 0 || facts->lengths > 0)
    rc = settle_framing(parser);
  else
    parser->framing = CRO_H1_UNTIL_CLOSE;
  return rc;
}
