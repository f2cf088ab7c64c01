/* Groups of checks of what a program sees of the library, and the helpers that they share. */
#ifndef ENTROPYNET_UNIT_H
#define ENTROPYNET_UNIT_H

#include "../pair.h"

/* What the callbacks of a connection were told. */
typedef struct {
  uint32_t count[9], messages;
  en_channel channel;
  en_status status;
} seen;

/* Options with the size of the structure and nothing else. */
en_options with_size(void);
/* Counts events in the `seen` that is `user`. */
void note(en_connection *connection, const en_event *event, void *user);
/* Counts messages in the `seen` that is `user`. */
void note_message(en_connection *connection, const en_message *message, void *user);

void refuses_bad_arguments(void);
void refuses_bad_options(void);
void checks_the_library_of_a_peer(void);
void sends_and_receives(void);
void keeps_the_message_of_a_callback(void);
void gives_the_memory_of_a_message(void);
void claims(void);
void loses_a_claim_to_a_failure(void);
void drains_after_a_claim(void);
void opens_and_closes_channels(void);
void keeps_a_full_channel_from_the_others(void);
void sleeps_after_room_came(void);
void ends(void);
void keeps_what_came_before_a_goodbye(void);
void keeps_what_came_before_a_callback_leaves(void);
void ends_after_the_messages_of_channels(void);
void keeps_the_error_of_a_call(void);
void says_who_ended_first(void);
void reports_what_it_drops(void);
void tells_of_an_unresponsive_peer(void);
void tells_only_what_still_holds(void);
void publishes_what_was_read(void);
void spins_no_longer_than_the_timeout(void);
void sleeps_after_an_interrupt(void);
void ends_a_wait_when_room_came(void);
void ends_a_wait_when_a_channel_changed(void);
void waits_no_longer_than_the_deadline(void);
void polls_what_was_there(void);
void wakes_a_sleeper(void);

#endif
