/* The declarations that the files of a connection share. Nothing here is visible outside. */
#ifndef ENTROPYNET_CONNECTION_H
#define ENTROPYNET_CONNECTION_H

#include "error.h"
#include "platform.h"
#include "ring.h"
#include "wire.h"

#define EN_NAME_BYTES 255u

/* The limits of a side, checked and completed with the defaults. */
typedef struct {
  const char *directory, *secret;
  uint32_t region_size, max_message_size, channel_window, max_channels;
  uint32_t connect_timeout_ms, handshake_timeout_ms, max_connections, unresponsive_after_ms, spin_us;
  en_status (*admit)(void *user);
  void *admit_user;
  char library[EN_LIBRARY_BYTES + 1];
} en_settings;

en_status en_settings_take(const en_options *options, en_settings *settings);
/* Lets the settings outlast the call: copies the secret, and forgets the directory. False: there is no
 * memory. */
bool en_settings_keep(en_settings *settings);
/* Frees the copy. */
void en_settings_forget(en_settings *settings);
en_limits en_settings_limits(const en_settings *settings);

/* A frame that arrived and was not taken yet. */
typedef struct en_parked {
  struct en_parked *next;
  uint32_t type, length;
  uint8_t bytes[];
} en_parked;

/* The state of the id with which this side sends. */
typedef enum {
  EN_OUT_NONE,     /* not announced */
  EN_OUT_OPEN,     /* announced */
  EN_OUT_CLOSED,   /* ChannelClose is written or queued */
  EN_OUT_ANSWERED, /* and answered */
  EN_OUT_REFUSED,  /* the peer refused the announcement */
  EN_OUT_RETURNED  /* and this side closes the refused id to get it back */
} en_out_state;

/* The state of the id with which the peer sends. */
typedef enum { EN_IN_NONE, EN_IN_OPEN, EN_IN_CLOSED } en_in_state;

#define EN_REPORT(type) (1u << (type))

typedef struct en_slot {
  en_channel number;
  uint8_t name[EN_NAME_BYTES + 1];
  uint32_t name_length;
  uint32_t own_id, peer_id;
  en_out_state out;
  en_in_state in;
  bool over;               /* both sides have closed it, or the peer refused it */
  uint32_t over_bytes;     /* what it costs from then on until it is read */
  bool close_due;          /* ChannelClose goes as soon as the queued message is written */
  bool blocked;            /* a send returned EN_WOULD_BLOCK: a drain event is due when there is room */
  uint32_t blocked_length; /* for a frame of so many bytes */
  bool sending;            /* en_send() writes the fragments of a message */
  bool abort_due;          /* the rest of a message that was begun will not come */
  uint32_t events;         /* EN_REPORT bits that en_poll() has to report */
  /* outgoing */
  uint32_t window, spent; /* what may still be sent; what was sent and is not given back */
  uint8_t *queued;        /* one message that this side took over */
  uint32_t queued_length, queued_sent;
  bool queued_begun;
  /* incoming */
  uint32_t outstanding, owed; /* what the peer has used of the window; the part of it that was consumed */
  uint32_t arriving;          /* bytes that the announced message still lacks */
  en_parked *first, *last;
  uint32_t parked;
  uint8_t *assembly;
  uint32_t assembled, expected, room;
  en_message_callback callback;
  void *user;
  unsigned flags;
} en_slot;

/* A control frame that waits for room. Control frames go in order. */
typedef struct {
  uint32_t header, length;
  uint8_t *name;
} en_control;

typedef struct {
  en_slot **items;
  uint32_t room, highest; /* ids 1 to `highest` have been announced */
} en_ids;

/* The free places for a server's connections. It lives as long as the server and the last of its
 * connections. */
typedef struct {
  _Atomic uint32_t owners, used;
} en_places;

struct en_connection {
  en_link link;
  uint8_t *region;
  uint32_t region_size;
  bool is_server;
  en_ring out, in;
  _Atomic uint32_t *own_closed, *peer_closed, *own_sleeps, *peer_sleeps, *own_needs, *peer_needs;
  uint32_t peer_process;
  char peer_library[EN_LIBRARY_BYTES + 1];
  en_limits own, peer;
  uint32_t longest_message, longest_frame;
  uint32_t unresponsive_after_ms, spin_us;
  en_places *places;

  en_state state;
  en_error end;
  bool end_due; /* EN_EVENT_END is not reported yet */
  en_stats stats;
  en_event_callback on_event;
  void *event_user;

  en_slot **slots;                /* the default channel is the first */
  uint32_t slot_count, announced; /* ids of this side that are not free */
  uint64_t generation;
  en_slot refused; /* stands in en_ids for an id that this side refused */
  en_ids by_own, by_peer;
  en_control *controls;
  uint32_t control_first, control_count, control_room;
  en_slot *urgent;       /* the channel `control`, which goes before the others; NULL: there is none */
  bool was_urgent;       /* the last frame of a message was one of that channel */
  bool gave_urgent;      /* the last message for a program that takes any was one of that channel */
  uint32_t turn;         /* the slot whose queued message goes next */
  uint32_t queued_count; /* channels with a queued message */
  bool work;             /* something waits for room that en_flush() would write */

  bool polling, holding, free_due; /* inside en_poll(); inside an in-ring callback; freed by a callback */
  bool fresh;                      /* frames were parked since the program last waited */
  bool has_news;                   /* a channel had an event, and no callback takes it */
  bool reports;                    /* a slot has events */
  bool leaving;                    /* en_disconnect() writes what is queued, and drops what comes */
  bool quiet;                      /* this side said goodbye: nothing is called back any more */
  bool armed;                      /* the peer was asked to wake the descriptor */
  bool needs_room;                 /* this side has declared that it needs room */
  uint64_t parked_frames;          /* of all channels */
  uint32_t over_count, receive_turn;
  uint32_t quick_waits, pause_us; /* waits that ended at once; how long this side lets a stream come */
  uint32_t waited_in;             /* the own head at the last wait */
  uint64_t waited_sent;           /* the sent messages at the last wait */
  uint64_t over_bytes;            /* of the channels that are over */
  uint32_t published_head;        /* the head that was stored last */
  uint32_t ordered_head;          /* the head that was last stored in one order with the peer's declaration */
  uint8_t *scratch;               /* the copy of the message that a callback gets */
  uint32_t scratch_room;
  void *called;   /* the memory of the present callback's message, until the program takes it */
  void *received; /* the memory of the last message of en_receive() */

  bool claiming;
  en_slot *claim_slot;
  uint32_t claim_length, claim_skip;
  uint8_t *claim_buffer;

  int64_t looked_at, watched_at; /* when the link and the peer were looked at, by the coarse clock */
  int64_t taken_at;              /* when frames were taken, by the same clock */
  bool look;                     /* look at the link with the next poll */
  uint32_t watch_head;
  bool watch_unread;              /* the last look found bytes that the peer had not taken */
  int64_t watch_last, watch_idle; /* for how long the peer has left bytes unread, while this side looked */
  bool unresponsive, report_unresponsive, report_responsive;
  _Atomic int interrupted;
};

/* connection.c */
en_status en_connection_make(en_link link, uint8_t *region, uint32_t region_size, bool is_server,
                             const en_limits *peer, const en_settings *settings, en_connection **out);
/* These end the connection if it stands, and return how it ended. They set no error for the program. */
en_status en_end_with(en_connection *c, en_state state, en_status status, const char *why);
en_status en_violation(en_connection *c, const char *why);
en_status en_corrupt(en_connection *c, const char *why);
/* The end as the outcome of a call that fails. */
en_status en_ended(en_connection *c);
void en_watch_peer(en_connection *c, int64_t now);

/* slots.c */
en_slot *en_slot_add(en_connection *c, const uint8_t *name, uint32_t length);
en_slot *en_slot_of(const en_connection *c, en_channel channel);
/* The channel of an id that a side sends with. NULL: none. &c->refused: an id that this side refused. */
en_slot *en_slot_of_peer(const en_connection *c, uint32_t id);
en_slot *en_slot_of_own(const en_connection *c, uint32_t id);
/* Frees the channels that are over, after all their messages and events were read. No code may use a slot
 * then. */
void en_forget(en_connection *c);
void en_slot_free(en_slot *slot);
void en_report(en_connection *c, en_slot *slot, en_event_type type);
bool en_control_add(en_connection *c, uint32_t type, uint32_t id, const uint8_t *name, uint32_t length);

/* channels.c */
en_status en_channel_frame(en_connection *c, uint32_t type, uint32_t id, const en_frame *frame);
/* Writes ChannelClose if no message of the channel is queued. */
void en_close_own(en_connection *c, en_slot *slot);

/* receive.c: the frames of the peer. These set no error for the program. */
en_status en_take(en_connection *c, bool deliver);
/* Keeps everything that is in the ring, also for a side that spins, and inside an in-ring callback. */
void en_take_all(en_connection *c);
/* Publishes the read position, and wakes the peer if it waits for room. */
void en_publish_head(en_connection *c);

/* messages.c */
void en_deliver_parked(en_connection *c);
bool en_has_deliverable(const en_connection *c);

/* frames.c */
bool en_write_frame(en_connection *c, uint32_t type, uint32_t id, const void *bytes, uint32_t length);
void en_wake_reader(en_connection *c);
void en_flush(en_connection *c);

/* send.c */
/* Waits until a sender may be able to continue, or the connection has ended. False: the time is over. */
bool en_wait_a_while(en_connection *c, int64_t deadline);

/* wait.c */
bool en_has_unread(const en_connection *c);
/* Sleeps until the peer wakes this side, for a short time at most. `ends_early`: also until en_interrupt().
 */
void en_sleep(en_connection *c, int ms, bool ends_early);

#endif
