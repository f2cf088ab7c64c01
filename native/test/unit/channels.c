/* Named channels. */
#include "unit.h"

void opens_and_closes_channels(void) {
  en_options two = with_size();
  two.max_channels = 2;
  en_pair pair = make_pair(65536, &two, NULL);
  seen server = {0}, client = {0};
  en_channel channel, other;
  en_channel_info info = {.size = sizeof info};
  en_message message;
  (void)en_on_event(pair.server, note, &server);
  (void)en_on_event(pair.client, note, &client);
  IS(EN_INVALID_PARAMETER, en_open_channel(pair.client, "", 0, &channel));
  IS(EN_INVALID_PARAMETER, en_open_channel(pair.client, "\xed\xa0\x80", 0, &channel));
  IS(EN_INVALID_PARAMETER, en_close_channel(pair.client, EN_DEFAULT_CHANNEL, 0));
  for (uint32_t round = 1; round <= 200; round++) {
    IS(EN_OK, en_open_channel(pair.client, "scene", 0, &channel));
    IS(EN_OK, en_open_channel(pair.client, "scene", 0, &other));
    CHECK(channel == other);
    IS(EN_OK, en_try_send(pair.client, channel, "hello", 5));
    IS(EN_OK, en_poll(pair.server));
    CHECK(server.count[EN_EVENT_CHANNEL_OPENED] == round);
    other = server.channel;
    IS(EN_OK, en_poll(pair.client));
    CHECK(client.count[EN_EVENT_CHANNEL_ACCEPTED] == round);
    IS(EN_OK, en_close_channel(pair.client, channel, 0));
    IS(EN_CONNECTION_CLOSED, en_try_send(pair.client, channel, "late", 4));
    IS(EN_OK, en_poll(pair.server));
    IS(EN_OK, en_poll(pair.client));
    IS(EN_OK, en_poll(pair.server));
    CHECK(server.count[EN_EVENT_CHANNEL_CLOSED] == round && client.count[EN_EVENT_CHANNEL_CLOSED] == round);
    /* What was sent before the close stays to be read. */
    IS(EN_OK, en_receive(pair.server, other, &message));
    CHECK(message.length == 5 && message.channel == other);
    IS(EN_CONNECTION_CLOSED, en_receive(pair.server, other, &message));
    IS(EN_CONNECTION_CLOSED, en_get_channel(pair.client, channel, &info));
  }
  CHECK(pair.client->slot_count == 1 && pair.client->by_own.highest == 1);
  IS(EN_OK, en_open_channel(pair.client, "one", 0, &channel));
  IS(EN_OK, en_open_channel(pair.client, "two", 0, &channel));
  IS(EN_RESOURCE_LIMIT_EXCEEDED, en_open_channel(pair.client, "three", 0, &channel));
  IS(EN_WOULD_BLOCK,
     en_wait(pair.server, 0) == EN_OK ? en_receive(pair.server, EN_ANY_CHANNEL, &message) : EN_OK);
  free_pair(pair);
}

void keeps_a_full_channel_from_the_others(void) {
  en_options small = with_size();
  small.channel_window = 16384;
  en_pair pair = make_pair(1u << 20, &small, &small);
  seen client = {0}, server = {0};
  en_channel urgent;
  char bytes[1000] = {0};
  uint32_t sent = 0;
  (void)en_on_event(pair.client, note, &client);
  IS(EN_OK, en_open_channel(pair.client, "urgent", 0, &urgent));
  while (en_try_send(pair.client, EN_DEFAULT_CHANNEL, bytes, sizeof bytes) == EN_OK) sent++;
  CHECK(sent == 16384 / 1064);
  IS(EN_OK, en_poll(pair.server)); /* nobody takes what came on the default channel */
  IS(EN_OK, en_poll(pair.client));
  IS(EN_TIMEOUT, en_send(pair.client, EN_DEFAULT_CHANNEL, bytes, sizeof bytes, 1));
  IS(EN_OK, en_try_send(pair.client, urgent, "now", 3));
  CHECK(client.count[EN_EVENT_DRAIN] == 0);
  IS(EN_OK, en_on_message(pair.server, EN_DEFAULT_CHANNEL, note_message, &server, 0));
  en_message message;
  IS(EN_ALREADY_EXISTS, en_receive(pair.server, EN_DEFAULT_CHANNEL, &message));
  IS(EN_OK, en_poll(pair.server));
  CHECK(server.messages == sent);
  IS(EN_OK, en_poll(pair.client));
  CHECK(client.count[EN_EVENT_DRAIN] == 1);
  IS(EN_OK, en_receive(pair.server, EN_ANY_CHANNEL, &message));
  CHECK(message.length == 3);
  free_pair(pair);
}
