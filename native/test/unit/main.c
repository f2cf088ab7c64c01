/* What a program sees of the library: arguments, channels, claims, backpressure, waiting and ends. */
#include "unit.h"

en_options with_size(void) { return (en_options){.size = sizeof(en_options)}; }

void note(en_connection *connection, const en_event *event, void *user) {
  seen *all = user;
  (void)connection;
  all->count[event->type]++;
  all->channel = event->channel;
  all->status = event->status;
}

void note_message(en_connection *connection, const en_message *message, void *user) {
  (void)connection;
  (void)message;
  ((seen *)user)->messages++;
}

int main(void) {
  refuses_bad_arguments();
  refuses_bad_options();
  checks_the_library_of_a_peer();
  sends_and_receives();
  keeps_the_message_of_a_callback();
  gives_the_memory_of_a_message();
  claims();
  loses_a_claim_to_a_failure();
  drains_after_a_claim();
  opens_and_closes_channels();
  keeps_a_full_channel_from_the_others();
  sleeps_after_room_came();
  ends();
  keeps_what_came_before_a_goodbye();
  keeps_what_came_before_a_callback_leaves();
  ends_after_the_messages_of_channels();
  keeps_the_error_of_a_call();
  says_who_ended_first();
  reports_what_it_drops();
  tells_of_an_unresponsive_peer();
  tells_only_what_still_holds();
  publishes_what_was_read();
  spins_no_longer_than_the_timeout();
  sleeps_after_an_interrupt();
  ends_a_wait_when_room_came();
  ends_a_wait_when_a_channel_changed();
  waits_no_longer_than_the_deadline();
  polls_what_was_there();
  wakes_a_sleeper();
  (void)printf("29 groups of checks passed\n");
  return 0;
}
