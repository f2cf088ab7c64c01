/* The client's check of the region that a server passed. Sections 2 and 3 of the protocol. */
#include <string.h>

#include "handshake.h"

static uint32_t word(const uint8_t *region, uint32_t offset) {
  return atomic_load((_Atomic uint32_t *)(uintptr_t)(region + offset));
}

/* The server wrote line 0. This side's own words must be 0, because it counts from there. */
static en_status check_control_block(const uint8_t *region, uint32_t size, const uint8_t identity[16]) {
  static const uint32_t own[] = {128, 132, 136, 200, 204};
  uint8_t line[64];
  memcpy(line, region, sizeof line); /* the server can change it at any moment */
  if (en_get32(line) != EN_MAGIC_REGION)
    return en_fail(EN_SHARED_MEMORY_CORRUPTED, "The server's region begins with the wrong magic.");
  /* The version comes before the fields that another layout may have elsewhere. */
  if (en_get32(line + 4) != EN_LAYOUT_VERSION) {
    return en_fail(EN_INCOMPATIBLE_VERSION,
                   "The server's region has layout version %u, and this library knows %u.",
                   en_get32(line + 4), EN_LAYOUT_VERSION);
  }
  if (en_get32(line + 8) != size) {
    return en_fail(EN_SHARED_MEMORY_SIZE_MISMATCH,
                   "The server's region says that it has %u bytes, and it has %u.", en_get32(line + 8), size);
  }
  if (en_get32(line + 12) != ((size - 256) / 2 & ~7u)) {
    return en_fail(EN_SHARED_MEMORY_CORRUPTED,
                   "The server's region says that its rings have %u bytes each, and its size allows %u.",
                   en_get32(line + 12), (size - 256) / 2 & ~7u);
  }
  if (memcmp(line + 16, identity, 16) != 0) {
    return en_fail(EN_SHARED_MEMORY_CORRUPTED,
                   "The server's region is not the one of the handshake. Its identity differs.");
  }
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
    if (word(region, own[i]) != 0) {
      return en_fail(EN_SHARED_MEMORY_CORRUPTED, "The word at %u of the server's region is not 0.", own[i]);
    }
  }
  return EN_OK;
}

en_status en_take_region(en_link link, en_handle region, const uint8_t reply[EN_MESSAGE_BYTES],
                         const en_place *place, const en_settings *settings, en_connection **connection) {
  uint32_t size = en_get32(reply + 8), version = 0;
  uint8_t *bytes;
  en_limits peer;
  if (!en_get_limits(reply + 32, &peer, &version))
    return en_fail(EN_HANDSHAKE_FAILED, "The greeting of the server '%.100s' is none.", place->name);
  if (version != EN_FRAME_VERSION) {
    return en_fail(EN_INCOMPATIBLE_VERSION, "The server uses version %u of the frames, and this library %u.",
                   version, EN_FRAME_VERSION);
  }
  if (region < 0) return en_fail(EN_HANDSHAKE_FAILED, "The server passed no region.");
  if (size < EN_MIN_REGION || size > settings->region_size) {
    return en_fail(EN_SHARED_MEMORY_SIZE_MISMATCH,
                   "The server gave a region of %u bytes. Allowed are %u to %u.", size, EN_MIN_REGION,
                   settings->region_size);
  }
  en_status status = en_region_map(region, size, &bytes);
  if (status) return status;
  status = check_control_block(bytes, size, reply + 16);
  if (!status) status = en_connection_make(link, bytes, size, false, &peer, settings, connection);
  if (status) {
    en_region_unmap(bytes, size);
    return status;
  }
  en_put_library(bytes + EN_CLIENT_LIBRARY, settings->library);
  return EN_OK;
}
