#include "tally.h"

#include <stdio.h>

void fill_message(uint8_t *bytes, size_t length, uint32_t seed) {
  uint32_t state = (seed * 0x9e3779b1u) ^ 0x85ebca6bu;
  if (state == 0) state = 1;
  for (size_t at = 0; at < length; at += 4) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    for (size_t i = 0; i < 4 && at + i < length; i++) bytes[at + i] = (uint8_t)(state >> (8 * i));
  }
}

static uint32_t crc32_of(const uint8_t *bytes, size_t length) {
  static uint32_t table[256];
  for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? 0xedb88320u : 0);
    table[i] = value;
  }
  uint32_t sum = 0xffffffffu;
  for (size_t i = 0; i < length; i++) sum = (sum >> 8) ^ table[(sum ^ bytes[i]) & 0xff];
  return ~sum;
}

void tally_add(tally *t, const uint8_t *bytes, size_t length, char label[LABEL_BYTES]) {
  uint32_t sum = crc32_of(bytes, length);
  uint32_t before = t->count ? t->digest : 0x811c9dc5u;
  t->digest = (before * 0x01000193u) ^ sum ^ (uint32_t)length;
  t->count++;
  t->bytes += length;
  (void)snprintf(label, LABEL_BYTES, "%zu:%x", length, sum);
  if (t->count <= MOST_LABELS) json_add(&t->labels, "%s\"%s\"", t->count > 1 ? "," : "", label);
}
