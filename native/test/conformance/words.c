#include "words.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "loop.h"

text text_copy(const char *bytes, size_t length) {
  text copy = {malloc(length + 1), length};
  CHECK(copy.bytes);
  memcpy(copy.bytes, bytes, length);
  copy.bytes[length] = '\0';
  return copy;
}

bool text_equal(const text *a, const text *b) {
  return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

text text_decode(const char *value, size_t length) {
  text decoded = text_copy(value, length);
  decoded.length = 0;
  for (size_t i = 0; i < length; i++) {
    char digits[3] = {0};
    if (value[i] == '%' && i + 2 < length) {
      memcpy(digits, value + i + 1, 2);
      decoded.bytes[decoded.length++] = (char)strtoul(digits, NULL, 16);
      i += 2;
    } else {
      decoded.bytes[decoded.length++] = value[i];
    }
  }
  decoded.bytes[decoded.length] = '\0';
  return decoded;
}

bool requests_read(void (*take)(char *line)) {
  static char input[LINE_BYTES];
  static size_t length;
  size_t got = loop_read(input + length, sizeof input - 1 - length);
  if (got == 0) return false;
  length += got;
  input[length] = '\0';
  for (char *end; (end = memchr(input, '\n', length));) {
    size_t used = (size_t)(end + 1 - input);
    static char line[LINE_BYTES];
    memcpy(line, input, used);
    line[used - 1] = '\0';
    memmove(input, input + used, length - used);
    length -= used;
    take(line);
  }
  return true;
}

bool request_read(char *line, request *out) {
  memset(out, 0, sizeof *out);
  out->number = strtok(line, " \n");
  out->action = strtok(NULL, " \n");
  for (char *word = strtok(NULL, " \n"); word; word = strtok(NULL, " \n")) {
    CHECK(out->count < MOST_WORDS);
    out->words[out->count++] = word;
  }
  return out->action != NULL;
}

const char *request_next(const request *r, const char *key, uint32_t *from) {
  size_t length = strlen(key);
  for (; *from < r->count; ++*from) {
    const char *word = r->words[*from];
    if (strncmp(word, key, length) != 0 || word[length] != '=') continue;
    ++*from;
    return word + length + 1;
  }
  return NULL;
}

text request_text(const request *r, const char *key, const char *otherwise) {
  uint32_t from = 0;
  const char *value = request_next(r, key, &from);
  return value ? text_decode(value, strlen(value)) : text_copy(otherwise, strlen(otherwise));
}

uint32_t request_number(const request *r, const char *key, uint32_t otherwise) {
  uint32_t from = 0;
  const char *value = request_next(r, key, &from);
  return value ? (uint32_t)strtoul(value, NULL, 10) : otherwise;
}

static void add(json *out, const char *bytes, size_t length) {
  if (out->room < out->length + length + 1) {
    out->room = (out->length + length + 1) * 2;
    out->bytes = realloc(out->bytes, out->room);
    CHECK(out->bytes);
  }
  memcpy(out->bytes + out->length, bytes, length);
  out->length += length;
  out->bytes[out->length] = '\0';
}

void json_add(json *out, const char *format, ...) {
  char piece[400];
  va_list values;
  va_start(values, format);
  int length = vsnprintf(piece, sizeof piece, format, values);
  va_end(values);
  CHECK(length >= 0 && (size_t)length < sizeof piece);
  add(out, piece, (size_t)length);
}

void json_join(json *out, const json *other) { add(out, other->bytes ? other->bytes : "", other->length); }

void json_text(json *out, const char *bytes, size_t length) {
  add(out, "\"", 1);
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)bytes[i];
    if (isalnum(byte) || byte == ':' || byte == '-' || byte == '.') {
      add(out, bytes + i, 1);
    } else {
      json_add(out, "%%%02X", byte);
    }
  }
  add(out, "\"", 1);
}

void reply(const char *number, const char *format, ...) {
  va_list values;
  va_start(values, format);
  (void)printf("%s ", number);
  (void)vprintf(format, values);
  va_end(values);
  (void)printf("\n");
  (void)fflush(stdout);
}
