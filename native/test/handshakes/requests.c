/* Requests that differ from a right one, and a client that leaves at once. */
#include "handshakes.h"

/* The status that a server answers to a request in which one word differs from a right one. */
static uint32_t answer_to(const en_options *options, uint32_t offset, uint32_t value) {
  en_place place;
  uint8_t nonce[16], request[EN_MESSAGE_BYTES] = {0}, reply[EN_MESSAGE_BYTES];
  en_link link;
  en_handle region = -1;
  uint32_t have = 0;
  IS(EN_OK, en_place_find("one", options->directory, &place));
  IS(EN_OK, en_link_connect(&place, nonce, &link));
  en_put32(request, EN_MAGIC_REQUEST);
  en_put32(request + 4, EN_LAYOUT_VERSION);
  en_put32(request + 8, EN_MIN_REGION);
  memcpy(request + 16, nonce, 16);
  en_put_limits(request + 32, &(en_limits){1000, EN_MIN_WINDOW, 1, EN_FLAG_CLOSE | 0x80000004u});
  en_put32(request + offset, value);
  /* In two pieces: a stream has no messages. */
  CHECK(en_link_put(link, request, 30, -1) && en_link_put(link, request + 30, sizeof request - 30, -1));
  while (have < sizeof reply) {
    (void)en_link_readable(link, 5000);
    int got = en_link_take(link, reply + have, (uint32_t)sizeof reply - have, &region);
    CHECK(got >= 0);
    have += (uint32_t)got;
  }
  CHECK(en_get32(reply) == EN_MAGIC_REPLY && en_get32(reply + 4) == EN_LAYOUT_VERSION);
  uint32_t status = en_get32(reply + 12);
  CHECK((region >= 0) == (status == 0));
  if (region >= 0) en_region_close(region);
  en_link_close(link);
  return status;
}

void requests(void) {
  static const struct {
    uint32_t offset, value, status;
  } all[] = {{0, 0x12345678, 5}, {4, 2, 1},  {4, 0, 1},      {8, 65535, 5}, {16, 0, 3},
             {32, 0, 5},         {36, 2, 1}, {44, 16383, 5}, {52, 1, 7},    {60, 1, 0}};
  en_options options = in_directory();
  en_link silent;
  en_place place;
  uint8_t nonce[16];
  host h;
  start(&h, &options);
  /* A client that says nothing holds nobody up. */
  IS(EN_OK, en_place_find("one", directory, &place));
  IS(EN_OK, en_link_connect(&place, nonce, &silent));
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    uint32_t status = answer_to(&options, all[i].offset, all[i].value);
    if (status != all[i].status) (void)fprintf(stderr, "word at %u: status %u\n", all[i].offset, status);
    CHECK(status == all[i].status);
  }
  en_link_close(silent);
  stop(&h);
}

/* A client that leaves as soon as it is connected was connected all the same. */
void short_visit(void) {
  en_options options = in_directory();
  en_server *server;
  en_connection *connection;
  en_place place;
  uint8_t nonce[16], request[EN_MESSAGE_BYTES] = {0}, reply[EN_MESSAGE_BYTES];
  en_link link;
  en_handle region = -1;
  IS(EN_OK, en_listen("one", &options, &server));
  IS(EN_OK, en_place_find("one", directory, &place));
  IS(EN_OK, en_link_connect(&place, nonce, &link));
  en_put32(request, EN_MAGIC_REQUEST);
  en_put32(request + 4, EN_LAYOUT_VERSION);
  en_put32(request + 8, EN_MIN_REGION);
  memcpy(request + 16, nonce, 16);
  en_put_limits(request + 32, &(en_limits){1000, EN_MIN_WINDOW, 1, EN_FLAG_CLOSE});
  CHECK(en_link_put(link, request, sizeof request, -1));
  IS(EN_WOULD_BLOCK, en_accept(server, 0, &connection));
  CHECK(en_link_take(link, reply, sizeof reply, &region) == (int)sizeof reply && en_get32(reply + 12) == 0);
  CHECK(en_link_put(link, (const uint8_t *)"", 1, -1));
  en_region_close(region);
  en_link_close(link);
  IS(EN_OK, en_accept(server, 0, &connection));
  IS(EN_PEER_DIED, en_poll(connection));
  en_connection_free(connection);
  en_server_free(server);
}
