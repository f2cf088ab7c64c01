/** A connection of the peer, and its events. */
#ifndef ENTROPYNET_CONFORMANCE_LINK_H
#define ENTROPYNET_CONFORMANCE_LINK_H

#include <entropynet.h>

#include "tally.h"

typedef struct link link_t;

/** A channel of a connection, from the moment that a request or the peer names it. */
typedef struct entry {
  link_t *link;
  text name;
  /** Whether the connection has had a channel of this name; `number` is the last one. */
  bool exists;
  en_channel number;
  /** The wish of a request: whether and how to take messages. */
  bool wanted, echo;
  uint32_t busy_ms;
  unsigned flags;
  tally arrived;
  struct entry *next;
} entry;

struct link {
  en_connection *connection;
  /** False: the program has not asked for messages and events yet. */
  bool started;
  /** The end was reported. */
  bool ended;
  uint32_t send_timeout_ms;
  entry *entries;
  /** Lists of strings in JSON, without brackets. */
  json states, codes, drains, channels, log;
  uint32_t logged;
  /** For echoes: sends a copy of the bytes on the channel. */
  void (*send_back)(entry *channel, const void *bytes, size_t length);
  link_t *next;
};

/** Takes ownership of a connection. `is_client`: this side connected. */
link_t *link_make(en_connection *connection, bool is_client, uint32_t send_timeout_ms);
/** Releases everything. */
void link_free(link_t *link);
/** Returns the entry of a channel, and makes it if needed. */
entry *link_entry(link_t *link, const text *name);
/** Starts or stops taking the messages of a channel. */
void entry_apply(entry *channel);
void link_start(link_t *link);
/** Polls a connection that was started. True: there were events. */
bool link_poll(link_t *link);
/** Says goodbye and records the states. */
void link_disconnect(link_t *link);
/** Makes the reply to `report`. The caller frees it. */
char *link_report(link_t *link);

/** Computes for this number of milliseconds. */
void keep_busy(uint32_t ms);

#endif
