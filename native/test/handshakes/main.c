/* Servers and clients in one process: names, limits, admission, secrets, versions and clients that misbehave.
 */
#include "handshakes.h"

const char *directory;

en_options in_directory(void) { return (en_options){.size = sizeof(en_options), .directory = directory}; }

static void *accept_all(void *user) {
  host *h = user;
  en_status status;
  while (h->count < 8 && (status = en_accept(h->server, -1, &h->accepted[h->count])) == EN_OK) h->count++;
  CHECK(status == EN_ABORTED);
  return NULL;
}

void start(host *h, const en_options *options) {
  memset(h, 0, sizeof *h);
  IS(EN_OK, en_listen("shm://one", options, &h->server));
  CHECK(pthread_create(&h->thread, NULL, accept_all, h) == 0);
}

void stop(host *h) {
  en_server_interrupt(h->server);
  CHECK(pthread_join(h->thread, NULL) == 0);
  for (uint32_t i = 0; i < h->count; i++) en_connection_free(h->accepted[i]);
  en_server_free(h->server);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  directory = argv[1];
  vectors();
  names();
  a_relative_directory();
  names_come_back();
  tells_of_another_server();
  limits();
  left_clients();
  admission_and_secrets();
  requests();
  short_visit();
  connects_without_waiting();
  proves_without_waiting();
  takes_the_region_of_the_last_answer();
  takes_one_region();
  notices_another_server();
  waits_for_a_place_in_the_queue();
  asks_each_server_of_a_name();
  gives_each_server_a_turn();
  keeps_off_a_shared_name();
  (void)printf("19 groups of checks passed\n");
  return 0;
}
