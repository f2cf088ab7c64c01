#ifndef ENTROPYNET_ERROR_H
#define ENTROPYNET_ERROR_H

#include <entropynet.h>

/* Sets the error of this thread and returns its status. */
#if defined(__MINGW32__)
__attribute__((format(gnu_printf, 2, 3)))
#elif defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
en_status
en_fail(en_status status, const char *format, ...);
/* The same with an error that never changes, for the path of each message. */
en_status en_fail_with(const en_error *constant);
/* The same with a copy of an error. */
en_status en_fail_copy(const en_error *error);

/* The error of this thread, kept while parts of a call may fail without a failure of the call. */
typedef struct {
  const en_error *last;
  en_error formatted;
} en_kept_error;
void en_keep_error(en_kept_error *kept);
void en_restore_error(const en_kept_error *kept);

#endif
