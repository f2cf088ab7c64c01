#include "../process_identity.h"

#include <cerrno>

#include <libproc.h>
#include <sys/proc.h>
#include <sys/proc_info.h>
#include <unistd.h>

namespace entropynet {
namespace {

constexpr std::uint64_t kMicrosecondsPerSecond = 1'000'000;

}  // namespace

Status CurrentProcessIdentity(ProcessIdentity* identity) {
  identity->process_id = static_cast<std::uint32_t>(::getpid());
  identity->user_id = ::geteuid();
  bool alive = false;
  return ProcessStartTime(identity->process_id, &alive, &identity->start_time);
}

Status ProcessStartTime(std::uint32_t process_id, bool* alive, std::uint64_t* start_time) {
  proc_bsdinfo information{};
  errno = 0;
  const int length =
      ::proc_pidinfo(static_cast<int>(process_id), PROC_PIDTBSDINFO, 0, &information, sizeof information);
  if (length < static_cast<int>(sizeof information)) {
    // A zombie has no such information any more, and gives ESRCH as well.
    *alive = false;
    if (errno == ESRCH || errno == 0) return {};
    return {errno, "proc_pidinfo"};
  }
  *alive = information.pbi_status != SZOMB;
  *start_time = information.pbi_start_tvsec * kMicrosecondsPerSecond + information.pbi_start_tvusec;
  return {};
}

}  // namespace entropynet
