/* Groups of checks of servers and clients in one process, and the helpers that they share. */
#ifndef ENTROPYNET_HANDSHAKES_H
#define ENTROPYNET_HANDSHAKES_H

#include <pthread.h>
#include <string.h>

#include "../../src/platform.h"
#include "../../src/wire.h"
#include "../check.h"

/* The discovery directory of the test. */
extern const char *directory;
/* Options with that directory. */
en_options in_directory(void);

/* Accepts until it is interrupted, and keeps what it accepted. */
typedef struct {
  en_server *server;
  en_connection *accepted[8];
  _Atomic uint32_t count;
  pthread_t thread;
} host;

/* Listens on "one", and starts the thread. */
void start(host *h, const en_options *options);
/* Ends the thread, and frees what it accepted. */
void stop(host *h);

void vectors(void);
void names(void);
void a_relative_directory(void);
void names_come_back(void);
void tells_of_another_server(void);
void limits(void);
void left_clients(void);
void admission_and_secrets(void);
void requests(void);
void short_visit(void);
void connects_without_waiting(void);
void proves_without_waiting(void);
void takes_the_region_of_the_last_answer(void);
void takes_one_region(void);
void notices_another_server(void);
void waits_for_a_place_in_the_queue(void);
void asks_each_server_of_a_name(void);
void gives_each_server_a_turn(void);
void keeps_off_a_shared_name(void);

#endif
