/* Connecting without waiting. */
#include "../links.h"
#include "handshakes.h"

/* Continues both sides on one thread until the attempt has ended. */
static en_status finish_attempt(en_connecting *attempt, en_connection **client, en_server *server,
                                en_connection **accepted) {
  en_status status;
  *accepted = NULL;
  while ((status = en_connect_poll(attempt, client)) == EN_WOULD_BLOCK) {
    if (server) IS(EN_WOULD_BLOCK, en_accept(server, 0, accepted));
  }
  if (!status) IS(EN_OK, en_accept(server, 0, accepted));
  return status;
}

void connects_without_waiting(void) {
  en_options options = in_directory();
  en_server *server;
  en_connecting *attempt = (en_connecting *)1;
  en_connection *client, *accepted;
  en_message message;
  IS(EN_INVALID_PARAMETER, en_connect_start("one", &options, NULL));
  IS(EN_INVALID_PARAMETER, en_connect_start("", &options, &attempt));
  CHECK(attempt == NULL && en_connect_descriptor(NULL) == -1);
  en_connect_free(NULL);
  IS(EN_INVALID_PARAMETER, en_connect_poll(NULL, &client));
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  IS(EN_INVALID_PARAMETER, en_connect_poll(attempt, NULL));
  IS(EN_TRANSPORT_UNAVAILABLE, en_connect_poll(attempt, &client)); /* there is no server yet */
  IS(EN_INVALID_PARAMETER, en_connect_poll(attempt, &client));
  en_connect_free(attempt);

  IS(EN_OK, en_listen("one", &options, &server));
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  CHECK(en_connect_descriptor(attempt) == -1);
  IS(EN_WOULD_BLOCK, en_connect_poll(attempt, &client));
  IS(EN_WOULD_BLOCK, en_connect_poll(attempt, &client));
  int descriptor = en_connect_descriptor(attempt);
  CHECK(client == NULL && descriptor >= 0 && !is_readable(descriptor, 0));
  IS(EN_WOULD_BLOCK, en_accept(server, 0, &accepted));
  CHECK(is_readable(descriptor, 0));
  IS(EN_OK, en_connect_poll(attempt, &client));
  CHECK(en_descriptor(client) == descriptor && en_connect_descriptor(attempt) == -1);
  en_connect_free(attempt); /* the connection stands */
  IS(EN_OK, en_accept(server, 0, &accepted));
  IS(EN_OK, en_try_send(client, EN_DEFAULT_CHANNEL, "hello", 5));
  IS(EN_OK, en_receive(accepted, EN_DEFAULT_CHANNEL, &message));
  CHECK(message.length == 5);
  en_connection_free(client);
  en_connection_free(accepted);

  /* An attempt that is given up leaves the server nothing. */
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  IS(EN_WOULD_BLOCK, en_connect_poll(attempt, &client));
  en_connect_free(attempt);
  IS(EN_WOULD_BLOCK, en_accept(server, 0, &accepted));

  options.connect_timeout_ms = 1;
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  IS(EN_TIMEOUT, finish_attempt(attempt, &client, NULL, &accepted)); /* nobody accepts */
  descriptor = en_connect_descriptor(attempt);
  CHECK(is_readable(descriptor, 0)); /* open until the program frees it */
  en_connect_free(attempt);
  en_server_free(server);
}

void proves_without_waiting(void) {
  en_options options = in_directory();
  en_server *server;
  en_connecting *attempt;
  en_connection *client, *accepted;
  char secret[] = "a secret of sixteen letters and more";
  options.secret = secret;
  IS(EN_OK, en_listen("one", &options, &server));
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  memset(secret, 'x', sizeof secret - 1); /* the library has copied it */
  IS(EN_OK, finish_attempt(attempt, &client, server, &accepted));
  en_connect_free(attempt);
  en_connection_free(client);
  en_connection_free(accepted);
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  IS(EN_HANDSHAKE_FAILED, finish_attempt(attempt, &client, server, &accepted));
  CHECK(strstr(en_last_error()->message, "another secret") != NULL && client == NULL);
  en_connect_free(attempt);
  en_server_free(server);
}

static const char a_secret[] = "a secret of sixteen letters and more";

/* Answers as a server with that secret. `body` has `length` bytes, which follow the status. */
static void answer(en_link link, uint32_t status, const uint8_t *body, size_t length, en_handle region) {
  uint8_t reply[EN_MESSAGE_BYTES] = {0};
  en_put32(reply, EN_MAGIC_REPLY);
  en_put32(reply + 4, EN_LAYOUT_VERSION);
  en_put32(reply + 8, status ? 0 : EN_MIN_REGION);
  en_put32(reply + 12, status);
  if (!status) en_put_limits(reply + 32, &(en_limits){1000, EN_MIN_WINDOW, 1, EN_FLAG_SECRET});
  memcpy(reply + 16, body, length);
  CHECK(en_link_put(link, reply, sizeof reply, region));
}

/* Starts an attempt, and returns the link of a server that has its request. */
static en_link asked(const en_options *options, en_listener **listener, en_connecting **attempt) {
  en_place place;
  en_connection *client;
  uint8_t request[EN_MESSAGE_BYTES];
  IS(EN_OK, en_place_find("one", directory, &place));
  IS(EN_OK, en_listener_open(&place, 1, "c 0", en_deadline(1000), listener));
  IS(EN_OK, en_connect_start("one", options, attempt));
  IS(EN_WOULD_BLOCK, en_connect_poll(*attempt, &client));
  en_link link = en_listener_take(*listener);
  (void)en_link_readable(link, -1);
  CHECK(en_link_take(link, request, sizeof request, NULL) == (int)sizeof request);
  return link;
}

/* A region that comes with the challenge in place of the last answer is none. */
void takes_the_region_of_the_last_answer(void) {
  en_options options = in_directory();
  en_listener *listener;
  en_connecting *attempt;
  en_connection *client;
  en_handle region;
  uint8_t *bytes, challenge[32] = {0}, proof[EN_MESSAGE_BYTES];
  const char *why;
  options.secret = a_secret;
  en_link link = asked(&options, &listener, &attempt);
  IS(EN_OK, en_region_make(EN_MIN_REGION, &region, &bytes, &why));
  en_put32(bytes, EN_MAGIC_REGION);
  en_put32(bytes + 4, EN_LAYOUT_VERSION);
  en_put32(bytes + 8, EN_MIN_REGION);
  en_put32(bytes + 12, (EN_MIN_REGION - 256) / 2);
  answer(link, EN_R_CHALLENGE, challenge, sizeof challenge, region);
  IS(EN_WOULD_BLOCK, en_connect_poll(attempt, &client));
  (void)en_link_readable(link, -1);
  CHECK(en_link_take(link, proof, sizeof proof, NULL) == (int)sizeof proof);
  en_proof(a_secret, "entropynet server", challenge, proof, proof);
  answer(link, EN_R_PROOF, proof, 32, -1);
  answer(link, EN_R_GRANTED, bytes + 16, 16, -1);
  IS(EN_HANDSHAKE_FAILED, en_connect_poll(attempt, &client));
  CHECK(strstr(en_last_error()->message, "passed no region") != NULL);
  en_connect_free(attempt);
  en_region_close(region);
  en_region_unmap(bytes, EN_MIN_REGION);
  en_link_close(link);
  en_listener_close(listener);
}

/* The answer has one region, not two. */
void takes_one_region(void) {
  en_options options = in_directory();
  en_listener *listener;
  en_connecting *attempt;
  en_connection *client;
  en_handle region;
  uint8_t *bytes, reply[EN_MESSAGE_BYTES] = {0};
  const char *why;
  en_link link = asked(&options, &listener, &attempt);
  IS(EN_OK, en_region_make(EN_MIN_REGION, &region, &bytes, &why));
  CHECK(en_link_put(link, reply, 1, region) && en_link_put(link, reply + 1, sizeof reply - 1, region));
  en_status status;
  while ((status = en_connect_poll(attempt, &client)) == EN_WOULD_BLOCK) continue;
  IS(EN_HANDSHAKE_FAILED, status);
  CHECK(strstr(en_last_error()->message, "more than one descriptor") != NULL);
  en_connect_free(attempt);
  en_region_close(region);
  en_region_unmap(bytes, EN_MIN_REGION);
  en_link_close(link);
  en_listener_close(listener);
}

/* The endpoint's next server does not hide that the server of the attempt has gone. */
void notices_another_server(void) {
  en_options options = in_directory();
  en_server *server;
  en_connecting *attempt;
  en_connection *client, *accepted;
  IS(EN_OK, en_listen("one", &options, &server));
  IS(EN_OK, en_connect_start("one", &options, &attempt));
  IS(EN_WOULD_BLOCK, en_connect_poll(attempt, &client));
  en_server_free(server);
  IS(EN_OK, en_listen("one", &options, &server));
  IS(EN_PEER_DIED, finish_attempt(attempt, &client, server, &accepted));
  en_connect_free(attempt);
  en_server_free(server);
}

/* While the server's queue is full, an attempt has no descriptor and goes on later. */
void waits_for_a_place_in_the_queue(void) {
  en_options options = in_directory();
  en_server *server;
  en_connecting *attempts[300];
  en_connection *client, *accepted;
  size_t count = 0;
  IS(EN_OK, en_listen("one", &options, &server));
  do {
    CHECK(count < sizeof attempts / sizeof *attempts);
    IS(EN_OK, en_connect_start("one", &options, &attempts[count]));
    IS(EN_WOULD_BLOCK, en_connect_poll(attempts[count], &client));
  } while (en_connect_descriptor(attempts[count++]) >= 0);
  CHECK(count > 1);
  IS(EN_WOULD_BLOCK, en_accept(server, 0, &accepted));
  IS(EN_WOULD_BLOCK, en_connect_poll(attempts[count - 1], &client));
  CHECK(en_connect_descriptor(attempts[count - 1]) >= 0);
  while (count > 0) en_connect_free(attempts[--count]);
  en_server_free(server);
}
