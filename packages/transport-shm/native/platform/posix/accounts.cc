#include "../accounts.h"

#include <cerrno>
#include <cstddef>
#include <vector>

#include <grp.h>
#include <pwd.h>

namespace entropynet {
namespace {

constexpr std::size_t kFirstBufferBytes = 4 * 1024;
// A group may list thousands of members.
constexpr std::size_t kMostBufferBytes = 16 * 1024 * 1024;

// `look_up` is getpwnam_r or getgrnam_r. `found` is null if no account has the name.
template <typename Entry>
Status LookUp(int (*look_up)(const char*, Entry*, char*, std::size_t, Entry**), const char* syscall,
              const std::string& name, Entry* entry, Entry** found) {
  std::vector<char> buffer(kFirstBufferBytes);
  for (;;) {
    const int error = look_up(name.c_str(), entry, buffer.data(), buffer.size(), found);
    if (error == EINTR) continue;
    if (error == ERANGE && buffer.size() < kMostBufferBytes) {
      buffer.resize(buffer.size() * 2);
      continue;
    }
    // Some systems give this error if no account has the name.
    if (error == ENOENT || error == ESRCH) return {};
    return {error, syscall};
  }
}

}  // namespace

Status FindUser(const std::string& name, bool* found, std::uint32_t* user_id) {
  passwd entry{};
  passwd* user = nullptr;
  const Status status = LookUp(::getpwnam_r, "getpwnam", name, &entry, &user);
  *found = user != nullptr;
  if (*found) *user_id = user->pw_uid;
  return status;
}

Status FindGroup(const std::string& name, bool* found, std::uint32_t* group_id) {
  group entry{};
  group* known = nullptr;
  const Status status = LookUp(::getgrnam_r, "getgrnam", name, &entry, &known);
  *found = known != nullptr;
  if (*found) *group_id = known->gr_gid;
  return status;
}

}  // namespace entropynet
