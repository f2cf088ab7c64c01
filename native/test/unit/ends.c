/* How a connection ends, and a peer that does not read. */
#include "unit.h"

static void free_it(en_connection *connection, const en_message *message, void *user) {
  note_message(connection, message, user);
  IS(EN_INVALID_PARAMETER, en_poll(connection));
  IS(EN_INVALID_PARAMETER, en_wait(connection, 0));
  en_connection_free(connection);
}

void ends(void) {
  seen client = {0};
  en_message message;
  en_pair pair = make_pair(65536, NULL, NULL);
  (void)en_on_event(pair.client, note, &client);
  for (int i = 0; i < 50; i++) IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "last words", 10));
  IS(EN_OK, en_disconnect(pair.server, 0));
  CHECK(en_get_state(pair.server) == EN_STATE_DISCONNECTED);
  IS(EN_CONNECTION_CLOSED, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "", 0));
  for (int i = 0; i < 50; i++) IS(EN_OK, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
  IS(EN_CONNECTION_CLOSED, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
  IS(EN_CONNECTION_CLOSED, en_poll(pair.client));
  IS(EN_CONNECTION_CLOSED, en_wait(pair.client, 1000));
  CHECK(client.count[EN_EVENT_END] == 1 && client.status == EN_CONNECTION_CLOSED);
  free_pair(pair);
  /* After the own goodbye, what had arrived can still be received. */
  pair = make_pair(65536, NULL, NULL);
  en_channel_info info = {.size = sizeof info};
  for (int i = 0; i < 3; i++) IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "kept", 4));
  IS(EN_OK, en_disconnect(pair.client, 0));
  for (int i = 0; i < 3; i++) IS(EN_OK, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
  IS(EN_CONNECTION_CLOSED, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
  IS(EN_OK, en_get_channel(pair.client, EN_DEFAULT_CHANNEL, &info));
  CHECK(info.parked_bytes == 0 && info.state == EN_CHANNEL_CLOSED);
  free_pair(pair);
  /* Without a goodbye it is a death; what was committed comes first. */
  pair = make_pair(65536, NULL, NULL);
  (void)en_on_message(pair.client, EN_DEFAULT_CHANNEL, note_message, &client, EN_IN_RING);
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
  en_link_end(pair.server->link);
  IS(EN_OK, en_wait(pair.client, 1000));
  (void)en_poll(pair.client);
  pair.client->look = true;
  IS(EN_PEER_DIED, en_poll(pair.client));
  CHECK(client.messages == 1 && en_get_state(pair.client) == EN_STATE_FAILED);
  free_pair(pair);
  /* A callback may free its connection. */
  pair = make_pair(65536, NULL, NULL);
  (void)en_on_message(pair.client, EN_DEFAULT_CHANNEL, free_it, &client, 0);
  for (int i = 0; i < 3; i++) IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
  IS(EN_CONNECTION_CLOSED, en_poll(pair.client));
  CHECK(client.messages == 2);
  en_connection_free(pair.server);
}

/* Also a side that spins can receive everything that came before its goodbye. */
void keeps_what_came_before_a_goodbye(void) {
  en_options spinning = with_size();
  en_message message;
  spinning.spin_us = 1000;
  en_pair pair = make_pair(65536, NULL, &spinning);
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
  IS(EN_OK, en_wait(pair.client, 0));
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "2", 1));
  pair.client->taken_at = en_coarse_ms(); /* as if the last call had been just now */
  IS(EN_OK, en_disconnect(pair.client, 0));
  for (int i = 0; i < 2; i++) IS(EN_OK, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
  free_pair(pair);
}

static void leave(en_connection *connection, const en_message *message, void *user) {
  note_message(connection, message, user);
  IS(EN_OK, en_disconnect(connection, 0));
  CHECK(message->length == 5 && memcmp(message->bytes, "first", 5) == 0);
}

/* The goodbye of a callback keeps the messages that came after its own one. */
void keeps_what_came_before_a_callback_leaves(void) {
  en_message message;
  for (unsigned flags = 0; flags <= EN_IN_RING; flags++) {
    en_pair pair = make_pair(65536, NULL, NULL);
    seen client = {0};
    IS(EN_OK, en_on_message(pair.client, EN_DEFAULT_CHANNEL, leave, &client, flags));
    IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "first", 5));
    for (int i = 0; i < 2; i++) IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "more", 4));
    IS(EN_CONNECTION_CLOSED, en_poll(pair.client));
    CHECK(client.messages == 1);
    IS(EN_OK, en_on_message(pair.client, EN_DEFAULT_CHANNEL, NULL, NULL, 0));
    for (int i = 0; i < 2; i++) IS(EN_OK, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
    IS(EN_CONNECTION_CLOSED, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
    free_pair(pair);
  }
}

static void take_messages(en_connection *connection, const en_event *event, void *user) {
  seen *all = user;
  if (event->type == EN_EVENT_CHANNEL_OPENED)
    IS(EN_OK, en_on_message(connection, event->channel, note_message, user, 0));
  if (event->type == EN_EVENT_END) CHECK(all->messages == 3);
  note(connection, event, user);
}

/* The messages of a peer that came and went come before its end, also on the channels that it opened. */
void ends_after_the_messages_of_channels(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  seen client = {0};
  en_channel channel;
  (void)en_on_event(pair.client, take_messages, &client);
  IS(EN_OK, en_open_channel(pair.server, "a", 0, &channel));
  for (int i = 0; i < 3; i++) IS(EN_OK, en_try_send(pair.server, channel, "1", 1));
  IS(EN_OK, en_disconnect(pair.server, 0));
  IS(EN_CONNECTION_CLOSED, en_poll(pair.client));
  CHECK(client.messages == 3 && client.count[EN_EVENT_END] == 1);
  free_pair(pair);
}

/* The error of the last call that failed, after calls that succeeded or return nothing. */
void keeps_the_error_of_a_call(void) {
  en_message message;
  for (int way = 0; way < 3; way++) {
    en_pair pair = make_pair(65536, NULL, NULL);
    IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
    IS(EN_OK, en_disconnect(pair.server, 0));
    IS(EN_MESSAGE_TOO_LARGE, en_try_send(pair.client, EN_DEFAULT_CHANNEL, "", (16u << 20) + 1));
    if (way == 0) IS(EN_OK, en_disconnect(pair.client, 0));
    if (way == 1) IS(EN_OK, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
    if (way == 2) en_connection_free(pair.client);
    CHECK(en_last_error()->status == EN_MESSAGE_TOO_LARGE);
    en_connection_free(pair.server);
    if (way != 2) en_connection_free(pair.client);
    CHECK(en_last_error()->status == EN_MESSAGE_TOO_LARGE);
  }
}

/* A peer may end, or die, while this side writes what is queued. */
void says_who_ended_first(void) {
  en_pair pair = make_pair(65536, NULL, NULL);
  pair.client->leaving = true;
  en_link_end(pair.server->link);
  IS(EN_CONNECTION_CLOSED, en_poll(pair.client));
  CHECK(strcmp(en_get_end(pair.client)->message, "The peer ended before this side said goodbye.") == 0);
  free_pair(pair);
}

void reports_what_it_drops(void) {
  char bytes[1000] = {0};
  for (uint32_t understands = 0; understands < 2; understands++) {
    en_options small = with_size();
    small.channel_window = 16384;
    en_pair pair = make_pair(1u << 20, &small, &small);
    if (understands) pair.server->peer.flags |= EN_FLAG_DROPPED;
    while (en_try_send(pair.client, EN_DEFAULT_CHANNEL, bytes, sizeof bytes) == EN_OK) continue;
    IS(EN_OK, en_disconnect(pair.server, 1000));
    uint32_t types = 0;
    en_frame frame;
    CHECK(en_ring_look_at_tail(&pair.client->in));
    while (en_ring_next(&pair.client->in, &frame) == EN_RING_FRAME) {
      types |= 1u << (frame.header & 0xff);
      en_ring_skip(&pair.client->in, frame.length);
    }
    CHECK(types == 1u << (understands ? EN_F_DROPPED : EN_F_UPDATE));
    free_pair(pair);
  }
}

void tells_of_an_unresponsive_peer(void) {
  en_options quick = with_size();
  quick.unresponsive_after_ms = 30;
  en_pair pair = make_pair(65536, &quick, NULL);
  seen server = {0};
  en_message message;
  en_stats stats = {.size = sizeof stats};
  (void)en_on_event(pair.server, note, &server);
  IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
  /* The first look says nothing about the time before it. */
  IS(EN_OK, en_poll(pair.server));
  IS(EN_OK, en_get_stats(pair.server, &stats));
  CHECK(server.count[EN_EVENT_UNRESPONSIVE] == 0 && stats.peer_idle_ms == 0);
  while (server.count[EN_EVENT_UNRESPONSIVE] == 0) {
    (void)en_wait(pair.server, 100);
    IS(EN_OK, en_poll(pair.server));
  }
  IS(EN_OK, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
  while (server.count[EN_EVENT_RESPONSIVE] == 0) {
    (void)en_wait(pair.server, 10);
    IS(EN_OK, en_poll(pair.server));
  }
  free_pair(pair);
}

/* Looks at the peer now and a while later. */
static void look_twice(en_connection *connection, int64_t *now) {
  en_watch_peer(connection, *now);
  *now += 40;
  en_watch_peer(connection, *now);
}

/* Without a callback for events, a change and the change back leave nothing to tell. */
void tells_only_what_still_holds(void) {
  en_options quick = with_size();
  quick.unresponsive_after_ms = 30;
  en_pair pair = make_pair(65536, &quick, NULL);
  seen server = {0};
  en_message message;
  int64_t now = en_coarse_ms();
  for (uint32_t told = 0; told < 2; told++) {
    IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
    look_twice(pair.server, &now);
    if (told) { /* then the peer comes back and stops again */
      (void)en_on_event(pair.server, note, &server);
      IS(EN_OK, en_poll(pair.server));
      (void)en_on_event(pair.server, NULL, NULL);
    }
    IS(EN_OK, en_receive(pair.client, EN_DEFAULT_CHANNEL, &message));
    look_twice(pair.server, &now);
    if (told) {
      IS(EN_OK, en_try_send(pair.server, EN_DEFAULT_CHANNEL, "1", 1));
      look_twice(pair.server, &now);
    }
    (void)en_on_event(pair.server, note, &server);
    IS(EN_OK, en_poll(pair.server));
    (void)en_on_event(pair.server, NULL, NULL);
    CHECK(server.count[EN_EVENT_UNRESPONSIVE] == told && server.count[EN_EVENT_RESPONSIVE] == 0);
  }
  free_pair(pair);
}
