/* http/limits.h - every bound an HTTP peer meets, with the attack it stops.
 *
 * One struct per server, shared read-only by its connections. Times are
 * milliseconds, 0 means "never" for timeouts only. Values are the defaults.
 */
#ifndef CRO_HTTP_LIMITS_H
#define CRO_HTTP_LIMITS_H

#include <stdint.h>

/* X(name, default, what it stops) */
#define CRO_HTTP_LIMITS(X)                                                             \
  X(header_bytes, 16384, "memory by huge heads and trailers: 431")                     \
  X(header_count, 100, "hash and list flooding by many fields: 431")                   \
  X(uri_bytes, 8192, "memory by long targets: 414")                                    \
  X(method_bytes, 32, "memory by long methods: 400")                                   \
  X(chunk_overhead, 16384, "chunk extensions and tiny chunks (CVE-2024-22019): 413")   \
  X(body_bytes, 1048576, "memory by bodies a handler collects: 413")                   \
  X(body_min_rate, 240, "bytes/s after 5 s; R.U.D.Y.: 408")                            \
  X(requests_per_connection, 10000, "a connection that never ends")                    \
  X(pipeline_bytes, 65536, "input held while a handler runs")                          \
  X(query_params, 1000, "hash flooding by query keys: 400")                            \
  X(cookies, 100, "hash flooding by cookies: 400")                                     \
  X(json_depth, 128, "stack use by nested JSON: 400")                                  \
  X(connections, 10000, "descriptor exhaustion: 503")                                  \
  X(write_min_rate, 240, "bytes/s over write_idle; slow read in drops: reset")         \
  X(write_buffer, 1048576, "memory by a peer that does not read: dropped")

#define CRO_HTTP_TIMEOUTS(X)                                                           \
  X(header, 10000, "Slowloris: 408")                                                   \
  X(body_idle, 30000, "a body that stops: 408")                                        \
  X(request, 300000, "a request that never completes: 408")                            \
  X(keepalive, 60000, "idle connections: closed")                                      \
  X(write_idle, 30000, "slow read: reset")                                             \
  X(handler, 0, "a handler that never answers: 503")                                   \
  X(linger, 2000, "draining after an early refusal")                                   \
  X(drain, 30000, "requests still running at shutdown")                                \
  X(tls_handshake, 10000, "a handshake that stalls: closed")                           \
  X(h2_idle, 60000, "HTTP/2 connections without a stream: GOAWAY")                     \
  X(h2_settings, 10000, "SETTINGS nobody acknowledges: GOAWAY")

/* Bursts are of a bucket that fills again by so many a second. */
#define CRO_H2_LIMITS(X)                                                               \
  X(max_streams, 100, "work by many streams: REFUSED_STREAM")                          \
  X(stream_window, 65536, "memory by a body nobody takes")                             \
  X(connection_window, 0, "the same, over all streams; 0: room for each of them")      \
  X(reset_burst, 200, "rapid reset (CVE-2023-44487, CVE-2025-8671): GOAWAY")           \
  X(reset_rate, 33, "the same, per second")                                            \
  X(glitch_burst, 1000, "PING, SETTINGS, empty frames (CVE-2019-9511..9518): GOAWAY")  \
  X(glitch_rate, 100, "the same, per second")                                          \
  X(queued_acks, 100, "answers the peer does not read: GOAWAY")                        \
  X(held_headers, 1048576, "heads of all open streams: REFUSED_STREAM")

typedef struct cro_h2_limits {
#define CRO_LIMIT_FIELD(name, value, stops) uint64_t name;
  CRO_H2_LIMITS(CRO_LIMIT_FIELD)
#undef CRO_LIMIT_FIELD
} cro_h2_limits;

extern const cro_h2_limits cro_h2_limits_default;

enum { CRO_H2_WINDOW_LEAST = 1024 * 1024 };

/* The window to announce for a whole connection. Unless one is given it has room for
 * what every stream may hold, CRO_H2_WINDOW_LEAST or more: bodies that nobody takes do
 * not stop those that are taken. */
int32_t cro_h2_connection_window(const cro_h2_limits *limits);

typedef struct cro_http_limits {
#define CRO_LIMIT_FIELD(name, value, stops) uint64_t name;
  CRO_HTTP_LIMITS(CRO_LIMIT_FIELD)
#undef CRO_LIMIT_FIELD
} cro_http_limits;

typedef struct cro_http_timeouts {
#define CRO_TIMEOUT_FIELD(name, value, stops) uint64_t name;
  CRO_HTTP_TIMEOUTS(CRO_TIMEOUT_FIELD)
#undef CRO_TIMEOUT_FIELD
} cro_http_timeouts;

extern const cro_http_limits cro_http_limits_default;
extern const cro_http_timeouts cro_http_timeouts_default;

#endif
