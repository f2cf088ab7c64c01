/* Little-endian words, the greeting of section 2 and UTF-8. */
#include "wire.h"

#include <string.h>

uint32_t en_get32(const uint8_t *at) {
  return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void en_put32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

void en_put_limits(uint8_t *at, const en_limits *limits) {
  en_put32(at, EN_MAGIC_GREETING);
  en_put32(at + 4, EN_FRAME_VERSION);
  en_put32(at + 8, limits->max_message);
  en_put32(at + 12, limits->window);
  en_put32(at + 16, limits->channels);
  en_put32(at + 20, limits->flags);
}

bool en_get_limits(const uint8_t *at, en_limits *limits, uint32_t *version) {
  *version = EN_FRAME_VERSION;
  if (en_get32(at) != EN_MAGIC_GREETING) return false;
  *version = en_get32(at + 4);
  uint32_t channels = en_get32(at + 16);
  *limits = (en_limits){en_get32(at + 8), en_get32(at + 12), channels < 65535 ? channels : 65535,
                        en_get32(at + 20)};
  return *version != EN_FRAME_VERSION || limits->window >= EN_MIN_WINDOW;
}

bool en_is_library(const char *library) {
  size_t length = 0;
  for (; library[length] && length <= EN_LIBRARY_BYTES; length++) {
    if (library[length] < 0x20 || library[length] > 0x7e) return false;
  }
  return length >= 1 && length <= EN_LIBRARY_BYTES && library[0] != ' ';
}

void en_put_library(uint8_t *at, const char *library) { memcpy(at, library, strlen(library)); }

void en_get_library(const uint8_t *at, char library[EN_LIBRARY_BYTES + 1]) {
  memcpy(library, at, EN_LIBRARY_BYTES);
  library[EN_LIBRARY_BYTES] = '\0';
  for (size_t end = strlen(library); end < EN_LIBRARY_BYTES; end++) {
    if (library[end]) library[0] = '\0'; /* something follows the end of the text */
  }
  if (!en_is_library(library)) memset(library, 0, EN_LIBRARY_BYTES);
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool en_is_utf8(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length;) {
    uint8_t first = bytes[i++], low = 0x80, high = 0xbf;
    int more;
    if (first < 0x80) continue;
    if (first >= 0xc2 && first <= 0xdf) {
      more = 1;
    } else if (first >= 0xe0 && first <= 0xef) {
      more = 2;
      if (first == 0xe0) low = 0xa0;
      if (first == 0xed) high = 0x9f;
    } else if (first >= 0xf0 && first <= 0xf4) {
      more = 3;
      if (first == 0xf0) low = 0x90;
      if (first == 0xf4) high = 0x8f;
    } else {
      return false;
    }
    for (; more > 0; more--) {
      if (i == length || bytes[i] < low || bytes[i] > high) return false;
      i++;
      low = 0x80;
      high = 0xbf;
    }
  }
  return true;
}
