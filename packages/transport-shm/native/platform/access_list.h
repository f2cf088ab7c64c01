#ifndef ENTROPYNET_PLATFORM_ACCESS_LIST_H_
#define ENTROPYNET_PLATFORM_ACCESS_LIST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "status.h"

namespace entropynet {

/*
 * Linux only. Gives users and groups `rights` (bits of one digit of a mode) to the file, directory or socket
 * `path`. It extends the access list of the file or, if it has none, `mode`. It does not follow a link.
 * EOPNOTSUPP: the file system has no access lists.
 */
Status GrantAccess(const std::string& path, std::uint32_t mode, const std::vector<std::uint32_t>& users,
                   const std::vector<std::uint32_t>& groups, std::uint32_t rights);

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_ACCESS_LIST_H_
