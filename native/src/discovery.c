#include "discovery.h"

#include <string.h>

#include "error.h"

void en_discovery_write(uint8_t bytes[EN_MESSAGE_BYTES], const uint8_t nonce[16], uint32_t max_connections,
                        const char *library) {
  uint64_t started = en_start_time();
  memset(bytes, 0, EN_MESSAGE_BYTES);
  en_put32(bytes, EN_MAGIC_DISCOVERY);
  en_put32(bytes + 4, EN_LAYOUT_VERSION);
  en_put32(bytes + 8, en_process());
  en_put32(bytes + 12, max_connections);
  memcpy(bytes + 16, nonce, 16);
  en_put32(bytes + 32, (uint32_t)started);
  en_put32(bytes + 36, (uint32_t)(started >> 32));
  en_put_library(bytes + EN_DISCOVERY_LIBRARY, library);
}

en_status en_discovery_read(const en_place *place, const uint8_t bytes[EN_MESSAGE_BYTES],
                            en_discovery *found) {
  if (en_get32(bytes) != EN_MAGIC_DISCOVERY) return en_discovery_wrong(place);
  if (en_get32(bytes + 4) != EN_LAYOUT_VERSION) {
    return en_fail(EN_INCOMPATIBLE_VERSION,
                   "The server '%.100s' uses layout version %u, and this library %u.", place->name,
                   en_get32(bytes + 4), EN_LAYOUT_VERSION);
  }
  found->process = en_get32(bytes + 8);
  found->is_shared = (en_get32(bytes + EN_DISCOVERY_FLAGS) & EN_FLAG_SHARED) != 0;
  memcpy(found->nonce, bytes + 16, sizeof found->nonce);
  return EN_OK;
}

en_status en_discovery_wrong(const en_place *place) {
  return en_fail(EN_SHARED_MEMORY_CORRUPTED, "%s is no discovery region.", place->region);
}
