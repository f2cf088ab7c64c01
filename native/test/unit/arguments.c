/* Arguments, options and texts of a peer that the library refuses. */
#include "unit.h"

void refuses_bad_arguments(void) {
  en_connection *connection = (en_connection *)1;
  en_server *server = (en_server *)1;
  en_message message;
  en_stats stats = {.size = sizeof stats};
  en_connection_info info = {.size = sizeof info};
  en_channel_info channel_info = {.size = sizeof channel_info};
  en_channel channel;
  void *bytes;
  IS(EN_INVALID_PARAMETER, en_connect("x", NULL, NULL));
  IS(EN_INVALID_PARAMETER, en_connect(NULL, NULL, &connection));
  CHECK(connection == NULL);
  IS(EN_INVALID_PARAMETER, en_connect("", NULL, &connection));
  IS(EN_INVALID_PARAMETER, en_connect("shm://", NULL, &connection));
  IS(EN_INVALID_PARAMETER, en_connect("ws://somewhere", NULL, &connection));
  IS(EN_INVALID_PARAMETER, en_connect("a\xff", NULL, &connection));
  IS(EN_INVALID_PARAMETER, en_connect("a\nb", NULL, &connection));
  IS(EN_INVALID_PARAMETER, en_connect("\xc2\x85", NULL, &connection));
  char longest[2050];
  memset(longest, 'n', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  IS(EN_INVALID_PARAMETER, en_connect(longest, NULL, &connection));
  IS(EN_INVALID_PARAMETER, en_listen("x", NULL, NULL));
  IS(EN_INVALID_PARAMETER, en_listen(NULL, NULL, &server));
  CHECK(server == NULL);
  IS(EN_INVALID_PARAMETER, en_accept(NULL, 0, &connection));
  IS(EN_INVALID_PARAMETER, en_accept(NULL, 0, NULL));
  IS(EN_INVALID_PARAMETER, en_send(NULL, 0, "", 0, 0));
  IS(EN_INVALID_PARAMETER, en_try_send(NULL, 0, "", 0));
  IS(EN_INVALID_PARAMETER, en_claim(NULL, 0, 0, &bytes));
  IS(EN_INVALID_PARAMETER, en_commit(NULL));
  IS(EN_INVALID_PARAMETER, en_abort(NULL));
  IS(EN_INVALID_PARAMETER, en_on_message(NULL, 0, NULL, NULL, 0));
  IS(EN_INVALID_PARAMETER, en_receive(NULL, 0, &message));
  IS(EN_INVALID_PARAMETER, en_on_event(NULL, NULL, NULL));
  IS(EN_INVALID_PARAMETER, en_poll(NULL));
  IS(EN_INVALID_PARAMETER, en_wait(NULL, 0));
  IS(EN_INVALID_PARAMETER, en_open_channel(NULL, "a", 0, &channel));
  IS(EN_INVALID_PARAMETER, en_close_channel(NULL, 0, 0));
  IS(EN_INVALID_PARAMETER, en_get_channel(NULL, 0, &channel_info));
  IS(EN_INVALID_PARAMETER, en_disconnect(NULL, 0));
  IS(EN_INVALID_PARAMETER, en_get_stats(NULL, &stats));
  IS(EN_INVALID_PARAMETER, en_get_info(NULL, &info));
  CHECK(en_get_state(NULL) == EN_STATE_FAILED && en_get_end(NULL)->status == EN_INVALID_PARAMETER);
  CHECK(en_descriptor(NULL) == -1 && en_server_descriptor(NULL) == -1 && en_arm(NULL) == 0);
  en_interrupt(NULL);
  en_server_interrupt(NULL);
  en_connection_free(NULL);
  en_server_free(NULL);
  CHECK(strcmp(en_status_name(EN_PEER_DIED), "PeerDied") == 0 &&
        strcmp(en_status_name((en_status)99), "Unknown") == 0);
}

void refuses_bad_options(void) {
  en_connection *connection;
  const en_options wrong[] = {
      {.size = 0},
      {.size = 5000},
      {.size = sizeof(en_options), .directory = ""},
      {.size = sizeof(en_options), .secret = ""},
      {.size = sizeof(en_options), .secret = "fifteen letters"},
      {.size = sizeof(en_options), .secret = "sixteen letters \xff"},
      {.size = sizeof(en_options), .region_size = 65535},
      {.size = sizeof(en_options), .region_size = (1u << 30) + 1},
      {.size = sizeof(en_options), .max_message_size = (1u << 30) + 1},
      {.size = sizeof(en_options), .channel_window = 16383},
      {.size = sizeof(en_options), .max_channels = 65536},
      {.size = sizeof(en_options), .max_connections = 65537},
      {.size = sizeof(en_options), .connect_timeout_ms = UINT32_MAX},
      {.size = sizeof(en_options), .spin_us = 1000001},
      {.size = sizeof(en_options), .library = ""},
      {.size = sizeof(en_options), .library = " c"},
      {.size = sizeof(en_options), .library = "c\n"},
      {.size = sizeof(en_options), .library = "\x80"},
      {.size = sizeof(en_options), .library = "123456789012345678901"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    IS(EN_INVALID_PARAMETER, en_connect("x", &wrong[i], &connection));
  }
  /* Eight characters outside of the basic plane are sixteen code units. */
  en_options right = with_size();
  right.secret =
      "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0"
      "\x9f\x98\x80\xf0\x9f\x98\x80";
  right.directory = "/tmp/entropynet-that-is-not-there";
  IS(EN_TRANSPORT_UNAVAILABLE, en_connect("x", &right, &connection));
}

/* The peer can write any bytes where its library introduces itself. */
void checks_the_library_of_a_peer(void) {
  static const char *const texts[][2] = {
      {"c++ 0.1.0", "c++ 0.1.0"},
      {"12345678901234567890", "12345678901234567890"},
      {"", ""},
      {" c", ""},
      {"\x1b[2Jc", ""},
      {"c\xff", ""},
  };
  char library[EN_LIBRARY_BYTES + 1];
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    uint8_t bytes[EN_LIBRARY_BYTES + 1] = {0};
    memcpy(bytes, texts[i][0], strlen(texts[i][0]));
    en_get_library(bytes, library);
    CHECK(strcmp(library, texts[i][1]) == 0);
  }
  en_get_library((const uint8_t *)"c\0hidden\0\0\0\0\0\0\0\0\0\0\0\0", library);
  CHECK(library[0] == '\0');
}
