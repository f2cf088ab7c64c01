/* The functions of the system that the library needs. The folder `posix` and one for each system implement
 * them. No other code calls the system. */
#ifndef ENTROPYNET_PLATFORM_H
#define ENTROPYNET_PLATFORM_H

#include <entropynet.h>
#include <stdatomic.h>
#include <stdbool.h>

/* A handle of the system for memory or a file; negative: none. */
#if defined(_WIN32)
typedef intptr_t en_handle;
#else
typedef int en_handle;
#endif

/* The connected socket, or pipe, between two sides. */
#if defined(_WIN32)
typedef struct en_pipe *en_link;
#define EN_NO_LINK NULL
#else
typedef int en_link;
#define EN_NO_LINK (-1)
#endif

/* ---- clocks, random bytes and the word for sleeping ---- */

int64_t en_now_ms(void);
/* Milliseconds of a fast clock that changes every few milliseconds. */
int64_t en_coarse_ms(void);
int64_t en_now_us(void);
/* Milliseconds since 1970, for people. */
uint64_t en_epoch_ms(void);
/* The deadline of a timeout. A negative one means none. */
int64_t en_deadline(int timeout_ms);
/* Milliseconds until `deadline`, at least 0; -1 without one. */
int en_left_ms(int64_t deadline);
void en_pause_ms(int ms);
/* Tells the processor that this thread looks at a word again and again. */
static inline void en_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}
bool en_random(void *bytes, size_t length);
/* Sleeps up to `ms` while a word of the region is `value`. */
void en_word_wait(const uint8_t *region, _Atomic uint32_t *word, uint32_t value, int ms);
void en_word_wake(const uint8_t *region, _Atomic uint32_t *word);

/* ---- the link between two sides ---- */

/* The descriptor that is readable when the link is; -1 without a link. */
int en_link_descriptor(en_link link);
void en_link_wake(en_link link);
typedef enum { EN_LINK_OPEN, EN_LINK_ENDED, EN_LINK_ABUSED } en_link_state;
/* Reads wakes from the link. EN_LINK_ABUSED: a descriptor came with them. This thread does not close it. */
en_link_state en_link_drain(en_link link);
/* Returns whether wakes or the end can be read within `ms` (negative: without end). */
bool en_link_readable(en_link link, int ms);
/* The id of the process at the other end, from the system; 0 if the system does not know it. */
uint32_t en_link_process(en_link link);
/* Ends the stream for both sides. The descriptor stays open and readable. */
void en_link_end(en_link link);
/* Sends one message of the handshake. False: the link has ended. */
bool en_link_put(en_link link, const uint8_t *bytes, size_t length, en_handle region);
/* The results of en_link_take() if it reads no bytes. */
enum {
  EN_TAKE_NOTHING = 0,        /* nothing has come yet */
  EN_TAKE_ENDED = -1,         /* the link has ended */
  EN_TAKE_NO_DESCRIPTOR = -2, /* the process has no number left for the descriptor */
  EN_TAKE_ABUSED = -3,        /* a descriptor came that is not wanted; this thread does not close it */
  EN_TAKE_KEPT_OUT = -4,      /* the system does not let this process fetch the server's descriptor */
  EN_TAKE_SEVERAL = -5        /* more than one descriptor came; this thread closes none of them */
};
/* Reads up to `length` bytes without waiting. `region` may be NULL. It receives the one memory file that
 * came with the bytes. */
int en_link_take(en_link link, uint8_t *bytes, size_t length, en_handle *region);

/* Closes without waiting for the descriptors that a peer has put into the link. */
void en_link_close(en_link link);
/* Closes a descriptor on a separate thread, because a peer decides how long that takes. */
void en_close_elsewhere(en_handle descriptor);
/* The number of descriptors that this thread has not closed yet. */
unsigned en_waiting_to_close(void);

/* ---- region.c ---- */

/* Makes a region whose size never changes. On failure *why is the system's name of the error. */
en_status en_region_make(uint32_t size, en_handle *region, uint8_t **bytes, const char **why);
/* Checks and maps the region that a server passed. */
en_status en_region_map(en_handle region, uint32_t size, uint8_t **bytes);
void en_region_unmap(uint8_t *bytes, uint32_t size);
void en_region_close(en_handle region);
uint32_t en_process(void);
/* The time at which this process started, in the system's own unit; 0: not known. */
uint64_t en_start_time(void);

/* ---- endpoint.c, which every system shares ---- */

#define EN_HASH_BYTES 25 /* 24 hexadecimal digits and a zero */
/* Checks an endpoint. *name is the part of it that names the server. */
en_status en_endpoint_name(const char *endpoint, const char **name, char hash[EN_HASH_BYTES]);

/* ---- place.c: the place of an endpoint ---- */

typedef struct {
  char name[256], hash[EN_HASH_BYTES];
#if defined(_WIN32)
  char directory[208], lock[256], region[256], fresh[260];
#else
  char directory[108], region[112], fresh[116], socket[108];
#endif
} en_place;

/* Gives the place of slot 0. */
en_status en_place_find(const char *endpoint, const char *directory, en_place *place);
/* The slots of the servers that share a name. */
#define EN_SLOTS 64
/* Gives the place of another slot. False: the slot has no server, because it has no files or the system
 * allows no path so long. */
bool en_place_slot(const en_place *first, uint32_t slot, en_place *place);

/* ---- client.c ---- */

/* Reads the nonce of the server of a place, and whether it shares its name. The server may be dead. */
en_status en_link_look(const en_place *place, uint8_t nonce[16], bool *is_shared);
/* Connects to the server of a place, and gives the nonce of that server. EN_WOULD_BLOCK, without an error for
 * the program: the server is about to listen, or its queue is full. */
en_status en_link_connect(const en_place *place, uint8_t nonce[16], en_link *link);
/* Returns whether the server with this nonce may live: a new connection is possible, and no other server has
 * the endpoint. Asked after a handshake broke off. */
bool en_link_server_lives(const en_place *place, const uint8_t nonce[16]);

/* ---- listener.c ---- */

typedef struct en_listener en_listener;
en_status en_listener_open(const en_place *place, uint32_t max_connections, const char *library,
                           int64_t deadline, en_listener **listener);
void en_listener_nonce(const en_listener *listener, uint8_t nonce[16]);
int en_listener_descriptor(const en_listener *listener);
/* Also watches a link: the descriptor is readable when the link is. */
bool en_listener_watch(en_listener *listener, en_link link);
void en_listener_unwatch(en_listener *listener, en_link link);
/* Waits up to `ms` for a client, a watched link or a wake. */
void en_listener_wait(en_listener *listener, int ms);
void en_listener_wake(en_listener *listener);
/* Returns the next client of this user; EN_NO_LINK: none now. */
en_link en_listener_take(en_listener *listener);
/* Sets whether further clients wait in the kernel. */
void en_listener_hold(en_listener *listener, bool hold);
/* Makes missing names again, at most once a second. EN_ADDRESS_IN_USE: another server has them. */
en_status en_listener_renew(en_listener *listener);
void en_listener_close(en_listener *listener);

#endif
