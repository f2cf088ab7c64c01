/* The name in an endpoint, and its hash. Section 1 of the protocol. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "error.h"
#include "platform.h"
#include "wire.h"

en_status en_endpoint_name(const char *endpoint, const char **out, char hash[EN_HASH_BYTES]) {
  if (!endpoint) return en_fail(EN_INVALID_PARAMETER, "endpoint is NULL. It is a name or shm://name.");
  const char *name = strncasecmp(endpoint, "shm://", 6) == 0 ? endpoint + 6 : endpoint;
  size_t bytes = strlen(name);
  if (bytes == 0) return en_fail(EN_INVALID_PARAMETER, "The endpoint '%.100s' has no name.", endpoint);
  if (strstr(name, "://") && name == endpoint) {
    return en_fail(EN_INVALID_PARAMETER, "The endpoint '%.100s' has a scheme that is not shm://.", endpoint);
  }
  if (strlen(endpoint) > 2048) {
    return en_fail(EN_INVALID_PARAMETER, "The endpoint has %zu bytes. 1 to 2048 are allowed.",
                   strlen(endpoint));
  }
  if (!en_is_utf8((const uint8_t *)name, bytes))
    return en_fail(EN_INVALID_PARAMETER, "The endpoint is not UTF-8.");
  for (size_t i = 0; i < bytes; i++) {
    uint8_t byte = (uint8_t)name[i];
    if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && (uint8_t)name[i + 1] < 0xa0)) {
      return en_fail(EN_INVALID_PARAMETER, "The endpoint has a control character.");
    }
  }
  uint8_t digest[32];
  en_sha256(name, bytes, digest);
  for (int i = 0; i < 12; i++) (void)snprintf(hash + 2 * i, 3, "%02x", digest[i]);
  *out = name;
  return EN_OK;
}
