/* The versions of HTTP, each as a server sees it. */
#include "serve/private.h"

static int http1_create(void **out, const cro_server *server)
{
  cro_h1 *h1;
  int rc = cro_h1_server_create(&h1, &server->h1);

  if (rc == 0)
    *out = h1;
  return rc;
}

static cro_stage *http1_reader(void *session)
{
  return cro_h1_reader(session);
}

static cro_stage *http1_writer(void *session)
{
  return cro_h1_writer(session);
}

static void http1_start(void *session)
{
  cro_h1_start(session);
}

static void http1_drain(void *session)
{
  cro_h1_drain(session);
}

const serve_protocol serve_http1 = {
  .name = "HTTP/1.1",
  .create = http1_create,
  .reader = http1_reader,
  .writer = http1_writer,
  .start = http1_start,
  .drain = http1_drain,
};

static int http2_create(void **out, const cro_server *server)
{
  cro_h2 *h2;
  int rc = cro_h2_server_create(&h2, &server->h2);

  if (rc == 0)
    *out = h2;
  return rc;
}

static cro_stage *http2_reader(void *session)
{
  return cro_h2_reader(session);
}

static cro_stage *http2_writer(void *session)
{
  return cro_h2_writer(session);
}

static void http2_start(void *session)
{
  cro_h2_start(session);
}

static void http2_drain(void *session)
{
  cro_h2_drain(session);
}

const serve_protocol serve_http2 = {
  .name = "HTTP/2",
  .create = http2_create,
  .reader = http2_reader,
  .writer = http2_writer,
  .start = http2_start,
  .drain = http2_drain,
  .drains_softly = true,
};
