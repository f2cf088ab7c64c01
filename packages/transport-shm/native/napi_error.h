#ifndef ENTROPYNET_NAPI_ERROR_H_
#define ENTROPYNET_NAPI_ERROR_H_

#include <string>

#include <napi.h>

#include "platform/status.h"

namespace entropynet {

/*
 * Throws a failed `status` in the form of the system errors of Node.js: an Error with `code`, `errno`,
 * `syscall` and, unless it is empty, `path`. The message ends with `note` in parentheses.
 */
void ThrowStatus(Napi::Env env, const Status& status, const std::string& path = {},
                 const std::string& note = {});

// Throws a TypeError: the caller passed a value that is wrong in every state of the system.
void ThrowTypeError(Napi::Env env, const std::string& message);

}  // namespace entropynet

#endif  // ENTROPYNET_NAPI_ERROR_H_
