#include "../process_identity.h"

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "../descriptor.h"

namespace entropynet {
namespace {

// The fields of /proc/<pid>/stat, counted from 1 as in its manual page.
constexpr int kStateField = 3;
constexpr int kStartTimeField = 22;

Status ReadStat(const char* path, char* state, std::uint64_t* start_time) {
  const int opened = ::open(path, O_RDONLY | O_CLOEXEC);
  if (opened < 0) return {errno, "open"};
  const OwnedDescriptor file(opened);
  // Far more than the fields up to the start time need. The file is read in one call.
  char text[1024];
  ssize_t length;
  do {
    length = ::read(opened, text, sizeof text - 1);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return {errno, "read"};
  text[length] = '\0';
  // The second field is the program's name in parentheses. The name may contain spaces and parentheses.
  const char* position = std::strrchr(text, ')');
  if (position == nullptr || position[1] != ' ') return {EINVAL, "read"};
  position += 2;
  *state = *position;
  for (int field = kStateField; field < kStartTimeField; field++) {
    position = std::strchr(position, ' ');
    if (position == nullptr) return {EINVAL, "read"};
    position++;
  }
  *start_time = std::strtoull(position, nullptr, 10);
  return {};
}

}  // namespace

Status CurrentProcessIdentity(ProcessIdentity* identity) {
  char state;
  const Status status = ReadStat("/proc/self/stat", &state, &identity->start_time);
  if (!status.Ok()) return status;
  identity->process_id = static_cast<std::uint32_t>(::getpid());
  identity->user_id = ::geteuid();
  return {};
}

Status ProcessStartTime(std::uint32_t process_id, bool* alive, std::uint64_t* start_time) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%" PRIu32 "/stat", process_id);
  char state = '\0';
  const Status status = ReadStat(path, &state, start_time);
  // ESRCH: the process ended between open and read.
  if (status.error == ENOENT || status.error == ESRCH) {
    *alive = false;
    return {};
  }
  if (!status.Ok()) return status;
  *alive = state != 'Z' && state != 'X' && state != 'x';
  return {};
}

}  // namespace entropynet
