/**
 * Requests and replies of a peer: lines of words on the standard input and output.
 *
 *   request:  NUMBER ACTION [key=value ...]
 *   reply:    NUMBER JSON    or    NUMBER !SENTENCE
 *
 * Values, and strings in the JSON, are percent-encoded. A key may be there several times.
 */
#ifndef ENTROPYNET_CONFORMANCE_WORDS_H
#define ENTROPYNET_CONFORMANCE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__MINGW32__)
#define LIKE_PRINTF __attribute__((format(gnu_printf, 2, 3)))
#else
#define LIKE_PRINTF __attribute__((format(printf, 2, 3)))
#endif

#define MOST_WORDS 512
/** The longest line of a request, with its end. */
#define LINE_BYTES 65536

/** A string that may hold zeros. `bytes` has one more zero at its end. */
typedef struct {
  char *bytes;
  size_t length;
} text;

/** The caller frees `bytes`. */
text text_copy(const char *bytes, size_t length);
bool text_equal(const text *a, const text *b);
/** Decodes the value of a word. The caller frees `bytes`. */
text text_decode(const char *value, size_t length);

/** A request. Its strings are in the line from which it was made. */
typedef struct {
  const char *number, *action;
  char *words[MOST_WORDS];
  uint32_t count;
} request;

/**
 * Reads what has come on the standard input, and calls `take` for each whole line, without its end. `take`
 * may change the line. False: no more lines will come.
 */
bool requests_read(void (*take)(char *line));
/** Splits a line at its spaces. False: the line has no number and action. */
bool request_read(char *line, request *out);
/** The value of the first word with this key from `*from` on, still encoded; NULL: there is none. `*from`
 * is then the place after it. */
const char *request_next(const request *r, const char *key, uint32_t *from);
/** The decoded value of a key, or a copy of `otherwise`. The caller frees `bytes`. */
text request_text(const request *r, const char *key, const char *otherwise);
uint32_t request_number(const request *r, const char *key, uint32_t otherwise);

/** A growing string of JSON. The caller frees `bytes`. */
typedef struct {
  char *bytes;
  size_t length, room;
} json;

LIKE_PRINTF void json_add(json *out, const char *format, ...);
/** Appends the contents of another string of JSON. */
void json_join(json *out, const json *other);
/** A string in quotes, percent-encoded. */
void json_text(json *out, const char *bytes, size_t length);

/** Writes one reply and flushes it. */
LIKE_PRINTF void reply(const char *number, const char *format, ...);

#endif
