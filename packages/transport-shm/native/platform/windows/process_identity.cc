#include "../process_identity.h"

#include "../descriptor.h"
#include "win32.h"

namespace entropynet {
namespace {

constexpr int kHighWordBits = 32;

Status ReadStartTime(HANDLE process, std::uint64_t* start_time) {
  FILETIME created;
  FILETIME exited;
  FILETIME kernel;
  FILETIME user;
  if (!::GetProcessTimes(process, &created, &exited, &kernel, &user)) return LastError("GetProcessTimes");
  *start_time = (static_cast<std::uint64_t>(created.dwHighDateTime) << kHighWordBits) | created.dwLowDateTime;
  return {};
}

}  // namespace

Status CurrentProcessIdentity(ProcessIdentity* identity) {
  identity->process_id = ::GetCurrentProcessId();
  identity->user_id = 0;
  return ReadStartTime(::GetCurrentProcess(), &identity->start_time);
}

Status ProcessStartTime(std::uint32_t process_id, bool* alive, std::uint64_t* start_time) {
  const HANDLE opened = ::OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, process_id);
  if (opened == nullptr) {
    *alive = false;
    // With this error the system reports that no such process exists.
    if (::GetLastError() == ERROR_INVALID_PARAMETER) return {};
    return LastError("OpenProcess");
  }
  const OwnedDescriptor process(ToDescriptor(opened));
  // A process that ended can be opened as long as another process has a handle to it.
  *alive = ::WaitForSingleObject(opened, 0) == WAIT_TIMEOUT;
  return ReadStartTime(opened, start_time);
}

}  // namespace entropynet
