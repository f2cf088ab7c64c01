/** Requests that take time. Each is tried again until it is done. */
#ifndef ENTROPYNET_CONFORMANCE_JOBS_H
#define ENTROPYNET_CONFORMANCE_JOBS_H

#include "link.h"

/** Sends the rows of a request, and replies with the number of each outcome. With `leave` the program then
 * says goodbye and exits. */
void job_send(link_t *link, const request *r, bool leave);
/** Sends a copy of one message, without a reply. */
void job_send_back(entry *channel, const void *bytes, size_t length);
/** Sends messages of `length` bytes until it fails or `jobs_stop_flooding()` is called. */
void job_flood(link_t *link, uint32_t length);
/** Opens or closes a channel, and replies with the outcome. */
void job_open(link_t *link, const request *r);
void job_close(link_t *link, const request *r);

/** Tries every job. True: some have advanced. */
bool jobs_run(void);
bool jobs_waiting(void);
void jobs_stop_flooding(void);
/** Forgets every job of a connection. */
void jobs_forget(const link_t *link);

#endif
