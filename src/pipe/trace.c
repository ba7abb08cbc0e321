#include "pipe/trace.h"

#include "base/alloc.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

enum { row_bytes = 16, hex_column = row_bytes * 3 };

typedef struct {
  cro_stage stage;   /* first member */
  cro_stage_ops ops; /* its types are those of the place it was put */
  const char *component;
} trace;

bool cro_trace_on(void)
{
  const char *value = getenv("CRO_TRACE");

  return value != NULL && *value != '\0' && strcmp(value, "0") != 0;
}

static bool machine_readable(void)
{
  const char *value = getenv("CRO_TRACE_MACHINE_READABLE");

  return value != NULL && *value != '\0' && strcmp(value, "0") != 0;
}

static size_t dump_max(void)
{
  const char *value = getenv("CRO_TRACE_MAX_BINARY_DUMP");
  unsigned long long max = value != NULL ? strtoull(value, NULL, 10) : 0;

  return max > 0 ? (size_t)max : 512;
}

static int add_row(cro_bytes row, cro_buf *out)
{
  static const char digits[] = "0123456789abcdef";
  char line[2 + hex_column + 2 + row_bytes + 1];
  char *at = line + 2;

  memset(line, ' ', sizeof line);
  for (size_t i = 0; i < row.len; i++) {
    unsigned char byte = (unsigned char)row.at[i];

    at[i * 3] = digits[byte >> 4];
    at[i * 3 + 1] = digits[byte & 15];
    at[hex_column + 2 + i] = byte >= 0x20 && byte < 0x7f ? (char)byte : '.';
  }
  line[2 + hex_column + 2 + row.len] = '\n';
  return cro_buf_add(out, (cro_bytes){ line, 2 + hex_column + 2 + row.len + 1 });
}

int cro_trace_dump(cro_bytes bytes, cro_buf *out)
{
  cro_bytes shown = cro_bytes_take(&bytes, dump_max());
  char rest[64];
  int rc = 0, n;

  while (rc == 0 && shown.len > 0)
    rc = add_row(cro_bytes_take(&shown, row_bytes), out);
  if (rc != 0 || bytes.len == 0)
    return rc;
  n = snprintf(rest, sizeof rest, "  [%zu bytes not displayed]\n", bytes.len);
  return cro_buf_add(out, (cro_bytes){ rest, (size_t)n });
}

static int add_escaped(cro_buf *out, cro_bytes text)
{
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < text.len; i++) {
    if (text.at[i] == '\\')
      rc = cro_buf_add(out, CRO_B("\\\\"));
    else if (text.at[i] == '\n')
      rc = cro_buf_add(out, CRO_B("\\n"));
    else
      rc = cro_buf_add_byte(out, text.at[i]);
  }
  return rc;
}

void cro_trace_write(cro_bytes label, cro_bytes component, const char *event,
                     cro_bytes text)
{
  cro_buf line = { 0 };
  int rc;

  while (text.len > 0 && text.at[text.len - 1] == '\n')
    text.len--;
  rc = machine_readable() ? add_escaped(&line, text) : cro_buf_add(&line, text);
  if (rc == 0)
    fprintf(stderr, "[TRACE(%.*s)] %.*s %s%s%.*s\n", (int)label.len, label.at,
            (int)component.len, component.at, event, line.len > 0 ? " " : "",
            (int)line.len, line.len > 0 ? line.at : "");
  cro_buf_free(&line);
}

static void event(trace *self, const char *name, cro_bytes text)
{
  cro_conn *conn = self->stage.conn;
  const char *label = conn != NULL && conn->label != NULL ? conn->label : "anon";

  cro_trace_write(cro_bytes_of(label), cro_bytes_of(self->component), name, text);
}

static int trace_push(cro_stage *stage, const void *message)
{
  trace *self = (trace *)stage;
  const cro_type *type = self->ops.produces;
  cro_buf text = { 0 };

  if (type->trace != NULL)
    type->trace(message, &text);
  else
    (void)cro_buf_add(&text, cro_bytes_of(type->name));
  event(self, "EMIT", cro_buf_bytes(&text));
  cro_buf_free(&text);
  return cro_emit(stage, message);
}

static int trace_finish(cro_stage *stage)
{
  event((trace *)stage, "DONE", (cro_bytes){ NULL, 0 });
  return cro_emit_finish(stage);
}

static void trace_fail(cro_stage *stage, int err)
{
  event((trace *)stage, "QUIT", cro_bytes_of(cro_err_text(err)));
  cro_emit_fail(stage, err);
}

static void trace_destroy(cro_stage *stage)
{
  cro_free(stage);
}

static int insert_after(cro_stage *stage)
{
  trace *self = cro_alloc(sizeof *self);

  if (self == NULL)
    return CRO_E_NOMEM;
  self->ops = (cro_stage_ops){ .name = "Trace",
                               .consumes = stage->ops->produces,
                               .produces = stage->ops->produces,
                               .push = trace_push,
                               .finish = trace_finish,
                               .fail = trace_fail,
                               .destroy = trace_destroy };
  cro_stage_init(&self->stage, &self->ops);
  self->component = stage->ops->name;
  self->stage.conn = stage->conn;
  self->stage.prev = stage;
  self->stage.next = stage->next;
  stage->next->prev = &self->stage;
  stage->next = &self->stage;
  return 0;
}

int cro_trace_between(cro_stage *first, const cro_stage *last)
{
  int rc = 0;

  for (cro_stage *stage = first; rc == 0 && stage != last && stage->next != NULL;
       stage = stage->next->next)
    rc = insert_after(stage);
  return rc;
}

int cro_trace_insert(cro_stage *stage)
{
  while (stage->prev != NULL)
    stage = stage->prev;
  return cro_trace_between(stage, NULL);
}
