/* Two sides of a connection in one process, without a handshake. */
#ifndef ENTROPYNET_PAIR_H
#define ENTROPYNET_PAIR_H

#include <string.h>

#include "../src/connection.h"
#include "../src/platform.h"
#include "check.h"
#include "links.h"

typedef struct {
  en_connection *server, *client;
} en_pair;

static inline en_pair make_pair(uint32_t region_size, const en_options *server_options,
                                const en_options *client_options) {
  en_link links[2];
  en_handle descriptor;
  uint8_t *regions[2];
  const char *why;
  en_settings server, client;
  en_pair pair;
  IS(EN_OK, en_settings_take(server_options, &server));
  IS(EN_OK, en_settings_take(client_options, &client));
  en_limits server_limits = en_settings_limits(&server), client_limits = en_settings_limits(&client);
  make_links(links);
  IS(EN_OK, en_region_make(region_size, &descriptor, &regions[0], &why));
  IS(EN_OK, en_region_map(descriptor, region_size, &regions[1]));
  en_region_close(descriptor);
  IS(EN_OK,
     en_connection_make(links[0], regions[0], region_size, true, &client_limits, &server, &pair.server));
  IS(EN_OK,
     en_connection_make(links[1], regions[1], region_size, false, &server_limits, &client, &pair.client));
  return pair;
}

static inline void free_pair(en_pair pair) {
  en_connection_free(pair.server);
  en_connection_free(pair.client);
}

#endif
