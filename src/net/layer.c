/* Layers between a socket and its pipeline. */
#include "net/net.h"

#include "base/err.h"

static void put_between(cro_stage *first, cro_stage *stage, cro_stage *last)
{
  stage->prev = first;
  stage->next = last;
  if (first != NULL)
    first->next = stage;
  if (last != NULL)
    last->prev = stage;
}

/* A pipeline that is full will ask for more, from now on of the layer. */
static void take_over(cro_tcp *tcp, cro_layer *layer)
{
  layer->over_max = tcp->over_max;
  layer->below_full = tcp->full;
  layer->above_full = tcp->paused && cro_list_empty(&tcp->source.ready);
  if (layer->above_full)
    cro_stage_ready(&tcp->source);
}

int cro_tcp_put_layer(cro_tcp *tcp, cro_layer *layer)
{
  if (tcp->life == TCP_CLOSED || tcp->closing || tcp->fin || tcp->eof)
    return CRO_E_CLOSED;
  if (tcp->layer != NULL)
    return CRO_E_STATE;
  put_between(&tcp->source, layer->source, tcp->source.next);
  put_between(tcp->sink.prev, layer->sink, &tcp->sink);
  layer->source->conn = layer->sink->conn = &tcp->conn;
  take_over(tcp, layer);
  tcp->layer = layer;
  return 0;
}

cro_layer *cro_tcp_layer(cro_tcp *tcp)
{
  return tcp->layer;
}
