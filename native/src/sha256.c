/* SHA-256 (FIPS 180-4) and HMAC (RFC 2104), so that the library needs no other library. */
#include "wire.h"

#include <string.h>

typedef struct {
  uint32_t state[8];
  uint64_t total;
  uint8_t block[64];
} hash;

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void compress(hash *h) {
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++) {
    const uint8_t *b = h->block + 4 * i;
    w[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
  }
  for (int i = 16; i < 64; i++) {
    uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
  }
  memcpy(s, h->state, sizeof s);
  for (int i = 0; i < 64; i++) {
    uint32_t t = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                 K[i] + w[i];
    uint32_t u =
        (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof *s);
    s[4] += t;
    s[0] = t + u;
  }
  for (int i = 0; i < 8; i++) h->state[i] += s[i];
}

static void begin(hash *h) {
  static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(h->state, first, sizeof first);
  h->total = 0;
}

static void add(hash *h, const void *bytes, size_t length) {
  const uint8_t *from = bytes;
  for (size_t i = 0; i < length; i++) {
    h->block[h->total++ % 64] = from[i];
    if (h->total % 64 == 0) compress(h);
  }
}

static void finish(hash *h, uint8_t out[32]) {
  uint64_t bits = h->total * 8;
  uint8_t byte = 0x80;
  do {
    add(h, &byte, 1);
    byte = 0;
  } while (h->total % 64 != 56);
  for (int i = 7; i >= 0; i--) {
    byte = (uint8_t)(bits >> (8 * i));
    add(h, &byte, 1);
  }
  for (int i = 0; i < 32; i++) out[i] = (uint8_t)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

void en_sha256(const void *bytes, size_t length, uint8_t out[32]) {
  hash h;
  begin(&h);
  add(&h, bytes, length);
  finish(&h, out);
}

void en_proof(const char *secret, const char *role, const uint8_t server[32], const uint8_t client[32],
              uint8_t out[32]) {
  uint8_t key[64] = {0}, pad[64], inner[32];
  size_t length = strlen(secret);
  if (length > 64)
    en_sha256(secret, length, key);
  else
    memcpy(key, secret, length);
  hash h;
  begin(&h);
  for (int i = 0; i < 64; i++) pad[i] = key[i] ^ 0x36;
  add(&h, pad, 64);
  add(&h, role, strlen(role));
  add(&h, server, 32);
  add(&h, client, 32);
  finish(&h, inner);
  begin(&h);
  for (int i = 0; i < 64; i++) pad[i] = key[i] ^ 0x5c;
  add(&h, pad, 64);
  add(&h, inner, 32);
  finish(&h, out);
}

/* Takes the same time for every position of a difference. */
bool en_equal(const uint8_t *a, const uint8_t *b, size_t length) {
  uint8_t different = 0;
  for (size_t i = 0; i < length; i++) different |= a[i] ^ b[i];
  return different == 0;
}
