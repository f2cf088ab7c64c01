#ifndef ENTROPYNET_NAPI_ERROR_H_
#define ENTROPYNET_NAPI_ERROR_H_

#include <string>

#include <napi.h>

#include "platform/status.h"

namespace entropynet {

/*
 * Throws a failed `status` the way Node throws its own system errors: an Error with `code`, `errno`,
 * `syscall` and, unless it is empty, `path`. `note` is added to the message in parentheses.
 */
void ThrowStatus(Napi::Env env, const Status& status, const std::string& path = {},
                 const std::string& note = {});

// Throws a TypeError: the caller passed something that no state of the system could make right.
void ThrowTypeError(Napi::Env env, const std::string& message);

}  // namespace entropynet

#endif  // ENTROPYNET_NAPI_ERROR_H_
