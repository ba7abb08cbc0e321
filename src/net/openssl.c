#define CRO_OPENSSL_LINKED /* names of functions, not what they stand for */
#include "net/openssl.h"

#include "base/err.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#ifdef __APPLE__
static const char library[] = "libssl.3.dylib";
#else
static const char library[] = "libssl.so.3";
#endif

net_openssl net_ossl;

typedef struct entry {
  const char *name;
  size_t offset; /* in net_openssl */
} entry;

#define ENTRY(name) { #name, offsetof(net_openssl, name) },
static const entry entries[] = { NET_OPENSSL(ENTRY) };

/* libssl needs libcrypto, and dlsym looks there too. ISO C has no pointers to functions
 * out of pointers to data; POSIX has them of the same form. */
static const char *look_up(void *handle, net_openssl *out)
{
  for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
    void *found = dlsym(handle, entries[i].name);

    if (found == NULL)
      return entries[i].name;
    memcpy((char *)out + entries[i].offset, &found, sizeof found);
  }
  return NULL;
}

int net_openssl_load(char *why, size_t room)
{
  static bool loaded;
  net_openssl found;
  const char *missing;
  void *handle;

  if (loaded)
    return 0;
  handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
  if (handle == NULL) {
    const char *reason = dlerror();

    (void)snprintf(why, room, "TLS needs OpenSSL 3: %s; install it (Debian: libssl3)",
                   reason != NULL ? reason : library);
    return CRO_E_NOTSUP;
  }
  missing = look_up(handle, &found);
  if (missing != NULL) {
    (void)snprintf(why, room, "TLS needs OpenSSL 3: %s has no %s", library, missing);
    (void)dlclose(handle);
    return CRO_E_NOTSUP;
  }
  net_ossl = found; /* for as long as the program runs */
  loaded = true;
  return 0;
}
