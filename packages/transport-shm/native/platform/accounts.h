#ifndef ENTROPYNET_PLATFORM_ACCOUNTS_H_
#define ENTROPYNET_PLATFORM_ACCOUNTS_H_

#include <cstdint>
#include <string>

#include "status.h"

namespace entropynet {

// POSIX systems only: on other systems users and groups have no numbers. Both functions may ask a directory
// service, and wait.

// Finds the number of the user of that name. `found` is false if there is none.
Status FindUser(const std::string& name, bool* found, std::uint32_t* user_id);

// The same for a group.
Status FindGroup(const std::string& name, bool* found, std::uint32_t* group_id);

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_ACCOUNTS_H_
