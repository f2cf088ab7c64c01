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

#endif
