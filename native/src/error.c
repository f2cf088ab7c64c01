#include "error.h"

#include <stdarg.h>
#include <stdio.h>

static const en_error none = {EN_OK, "No call of this thread has failed."};
static _Thread_local en_error formatted;
static _Thread_local const en_error *last;

const char *en_version(void) { return EN_VERSION; }

const char *en_status_name(en_status status) {
  static const char *const names[] = {"Ok",
                                      "WouldBlock",
                                      "Timeout",
                                      "InvalidParameter",
                                      "InvalidMessage",
                                      "MessageTooLarge",
                                      "AddressInUse",
                                      "ResourceLimitExceeded",
                                      "HandshakeFailed",
                                      "NotSupported",
                                      "ConnectionClosed",
                                      "PeerDied",
                                      "TransportUnavailable",
                                      "IncompatibleVersion",
                                      "SharedMemoryPermission",
                                      "SharedMemoryCorrupted",
                                      "AlreadyExists",
                                      "Aborted",
                                      "SharedMemorySizeMismatch",
                                      "SharedMemoryNotAvailable"};
  return (size_t)status < sizeof names / sizeof *names ? names[status] : "Unknown";
}

const en_error *en_last_error(void) { return last ? last : &none; }

en_status en_fail(en_status status, const char *format, ...) {
  va_list list;
  va_start(list, format);
  formatted.status = status;
  (void)vsnprintf(formatted.message, sizeof formatted.message, format, list);
  va_end(list);
  last = &formatted;
  return status;
}

en_status en_fail_with(const en_error *constant) {
  last = constant;
  return constant->status;
}

en_status en_fail_copy(const en_error *error) {
  formatted = *error;
  last = &formatted;
  return error->status;
}

void en_keep_error(en_kept_error *kept) { *kept = (en_kept_error){last, formatted}; }

void en_restore_error(const en_kept_error *kept) {
  formatted = kept->formatted;
  last = kept->last;
}
