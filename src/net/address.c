#include "net/net.h"

#include "base/err.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

socklen_t net_address_size(const net_address *address)
{
  return address->sa.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

/* A link-local address means nothing without its interface. */
static void add_scope(const net_address *address, char *host)
{
  size_t len = strlen(host);

  if (address->v6.sin6_scope_id != 0 && IN6_IS_ADDR_LINKLOCAL(&address->v6.sin6_addr))
    snprintf(host + len, net_text_max - len, "%%%u", address->v6.sin6_scope_id);
}

/* An IPv4 peer of a dual-stack listener is an IPv4 peer to everybody above. */
static bool unmap(const net_address *address, net_text *out)
{
  const struct in6_addr *v6 = &address->v6.sin6_addr;

  if (!IN6_IS_ADDR_V4MAPPED(v6))
    return false;
  uv_inet_ntop(AF_INET, &v6->s6_addr[12], out->host, sizeof out->host);
  return true;
}

void net_address_text(const net_address *address, net_text *out)
{
  *out = (net_text){ .port = -1 };
  if (address->sa.sa_family == AF_INET) {
    uv_ip4_name(&address->v4, out->host, sizeof out->host);
    out->port = ntohs(address->v4.sin_port);
  } else if (address->sa.sa_family == AF_INET6) {
    out->port = ntohs(address->v6.sin6_port);
    if (unmap(address, out))
      return;
    uv_ip6_name(&address->v6, out->host, sizeof out->host);
    add_scope(address, out->host);
  } else if (address->sa.sa_family == AF_UNIX) {
    snprintf(out->host, sizeof out->host, "unix:");
  }
}

const net_address *net_address_choose(const net_address *found, size_t count,
                                      bool ipv6_only)
{
  int family = ipv6_only ? AF_INET6 : AF_INET;

  for (size_t i = 0; i < count; i++)
    if (found[i].sa.sa_family == family)
      return &found[i];
  return &found[0];
}

int net_address_parse(cro_bytes host, int port, net_address *out)
{
  net_address parsed = { 0 };
  char text[net_text_max];

  if (host.len == 0 || host.len >= sizeof text)
    return CRO_E_INVAL;
  if (memchr(host.at, '\0', host.len) != NULL)
    return CRO_E_INVAL;
  memcpy(text, host.at, host.len);
  text[host.len] = '\0';
  if (uv_ip4_addr(text, port, &parsed.v4) != 0) {
    parsed = (net_address){ 0 };
    if (uv_ip6_addr(text, port, &parsed.v6) != 0)
      return CRO_E_INVAL;
  }
  *out = parsed;
  return 0;
}
