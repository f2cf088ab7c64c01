/* Makes complete and checked settings from en_options. */
#include <stdlib.h>
#include <string.h>

#include "connection.h"

#define GIB (1024u * 1024 * 1024)

static en_status outside(const char *key, uint32_t given, uint32_t least, uint32_t most) {
  return en_fail(EN_INVALID_PARAMETER, "%s is %u. Allowed are %u to %u; 0 is the default.", key, given, least,
                 most);
}

/* Fills in the default, then checks the value. */
static en_status check(const char *key, uint32_t *value, uint32_t preset, uint32_t least, uint32_t most) {
  if (*value == 0) *value = preset;
  return *value < least || *value > most ? outside(key, *value, least, most) : EN_OK;
}

static en_status check_secret(const char *secret) {
  if (!secret) return EN_OK;
  size_t length = strlen(secret), characters = 0;
  if (!en_is_utf8((const uint8_t *)secret, length))
    return en_fail(EN_INVALID_PARAMETER, "secret is not UTF-8.");
  for (size_t i = 0; i < length; i++) {
    uint8_t byte = (uint8_t)secret[i];
    /* Each character counts once. One outside of the basic plane counts twice, as in UTF-16. */
    characters += (byte & 0xc0) == 0x80 ? 0 : byte >= 0xf0 ? 2 : 1;
  }
  if (characters < 16) {
    return en_fail(EN_INVALID_PARAMETER, "secret has %zu characters. 16 or more are allowed.", characters);
  }
  return EN_OK;
}

en_status en_settings_take(const en_options *options, en_settings *s) {
  /* A program that was compiled with an older header passes a shorter structure. */
  en_options all;
  memset(&all, 0, sizeof all);
  if (options) {
    if (options->size < offsetof(en_options, directory) + sizeof options->directory || options->size > 4096) {
      return en_fail(EN_INVALID_PARAMETER,
                     "options->size is %zu. Set it to sizeof(en_options), which is %zu here.", options->size,
                     sizeof all);
    }
    memcpy(&all, options, options->size < sizeof all ? options->size : sizeof all);
  }
  if (!all.library) all.library = "c " EN_VERSION;
  if (!en_is_library(all.library)) {
    return en_fail(
        EN_INVALID_PARAMETER,
        "library is '%.40s'. Allowed are 1 to %u printable characters of ASCII, the first one no space.",
        all.library, EN_LIBRARY_BYTES);
  }
  *s = (en_settings){all.directory,
                     all.secret,
                     all.region_size,
                     all.max_message_size,
                     all.channel_window,
                     all.max_channels,
                     all.connect_timeout_ms,
                     all.handshake_timeout_ms,
                     all.max_connections,
                     all.unresponsive_after_ms,
                     all.spin_us,
                     all.admit,
                     all.admit_user,
                     ""};
  strcpy(s->library, all.library);
  if (s->directory && !*s->directory) {
    return en_fail(EN_INVALID_PARAMETER, "directory is empty. Leave it NULL for the default.");
  }
  en_status status = check_secret(s->secret);
  if (!status) status = check("region_size", &s->region_size, 4u << 20, EN_MIN_REGION, EN_MAX_REGION);
  if (!status) status = check("max_message_size", &s->max_message_size, 16u << 20, 1, GIB);
  if (!status) status = check("channel_window", &s->channel_window, 1u << 20, EN_MIN_WINDOW, GIB);
  if (!status && s->max_channels == EN_NO_CHANNELS) {
    s->max_channels = 0;
  } else if (!status) {
    status = check("max_channels", &s->max_channels, 256, 1, 65535);
  }
  if (!status) status = check("connect_timeout_ms", &s->connect_timeout_ms, 5000, 1, INT32_MAX);
  if (!status) status = check("handshake_timeout_ms", &s->handshake_timeout_ms, 5000, 1, INT32_MAX);
  if (!status) status = check("max_connections", &s->max_connections, 1024, 1, 65536);
  if (!status) status = check("unresponsive_after_ms", &s->unresponsive_after_ms, 2000, 1, INT32_MAX);
  if (!status && s->spin_us > 1000000) status = outside("spin_us", s->spin_us, 0, 1000000);
  return status;
}

bool en_settings_keep(en_settings *s) {
  s->directory = NULL;
  if (!s->secret) return true;
  size_t size = strlen(s->secret) + 1;
  char *copy = malloc(size);
  if (copy) memcpy(copy, s->secret, size);
  s->secret = copy;
  return copy != NULL;
}

void en_settings_forget(en_settings *s) {
  free((void *)(uintptr_t)s->secret);
  s->secret = NULL;
}

en_limits en_settings_limits(const en_settings *s) {
  return (en_limits){s->max_message_size, s->channel_window, s->max_channels,
                     EN_FLAG_CLOSE | (s->secret ? EN_FLAG_SECRET : 0)};
}
