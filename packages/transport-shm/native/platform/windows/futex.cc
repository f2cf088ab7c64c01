#include "../futex.h"

#include <atomic>
#include <cstdio>

#include "../../region_layout.h"
#include "../descriptor.h"
#include "security.h"
#include "win32.h"

namespace entropynet {
namespace {

constexpr std::int64_t kNanosecondsPerMillisecond = 1'000'000;
constexpr std::size_t kNameCharacters = 96;

/*
 * WaitOnAddress only finds waiters of its own process, so an auto-reset event stands for the word. Both sides
 * derive its name from the region's random identity and the word's offset. The name belongs to the whole
 * machine ("Global"), so that a service and a desktop program find the same event; making an event there
 * needs no privilege. The event exists only while a thread waits. Making it costs a few microseconds, much
 * less than the sleep.
 *
 * The peer may change the identity in the region at any moment. Each byte is read once, and the name has the
 * same length and form for all values. A peer that changes it only loses wakes of this one connection, and
 * the waiter looks again after its timeout.
 */
Status NameEvent(const SharedWord& word, wchar_t* name) {
  if (word.region_bytes < kControlBlockBytes) return {kErrorUnsupported, "CreateEvent"};
  int length = std::swprintf(name, kNameCharacters, L"Global\\entropynet-");
  for (std::uint32_t index = 0; index < kIdentityBytes; index++) {
    const unsigned int byte = word.region[kIdentityOffset + index];
    length += std::swprintf(name + length, kNameCharacters - static_cast<std::size_t>(length), L"%02x", byte);
  }
  std::swprintf(name + length, kNameCharacters - static_cast<std::size_t>(length), L"-%llx",
                static_cast<unsigned long long>(word.byte_offset));
  return {};
}

}  // namespace

Status WaitOnWord(const SharedWord& word, std::uint32_t expected, std::int64_t timeout_ns,
                  WaitResult* result) {
  wchar_t name[kNameCharacters];
  const Status status = NameEvent(word, name);
  if (!status.Ok()) return status;
  PrivateSecurity security;
  const Status secured = security.Make(PrivateSecurity::For::kObject);
  if (!secured.Ok()) return secured;
  const OwnedDescriptor event = OwnHandle(::CreateEventW(security.Attributes(), FALSE, FALSE, name));
  if (!event.IsOpen()) return LastError("CreateEvent");
  // This comes after the event exists: a producer that did not find it has stored the new value before this
  // load.
  const auto* value = reinterpret_cast<const std::atomic<std::uint32_t>*>(word.Address());
  if (value->load(std::memory_order_seq_cst) != expected) {
    *result = WaitResult::kChanged;
    return {};
  }
  const std::int64_t timeout_ms = (timeout_ns + kNanosecondsPerMillisecond - 1) / kNanosecondsPerMillisecond;
  switch (::WaitForSingleObject(ToHandle(event.Get()), static_cast<DWORD>(timeout_ms))) {
    case WAIT_OBJECT_0:
      *result = WaitResult::kWoken;
      return {};
    case WAIT_TIMEOUT:
      *result = WaitResult::kTimedOut;
      return {};
    default:
      return LastError("WaitForSingleObject");
  }
}

Status WakeWord(const SharedWord& word, int* woken) {
  wchar_t name[kNameCharacters];
  const Status status = NameEvent(word, name);
  if (!status.Ok()) return status;
  *woken = 0;
  // Orders the caller's store of the word before the search for the event.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const OwnedDescriptor event = OwnHandle(::OpenEventW(EVENT_MODIFY_STATE, FALSE, name));
  if (!event.IsOpen()) {
    if (::GetLastError() == ERROR_FILE_NOT_FOUND) return {};
    return LastError("OpenEvent");
  }
  if (!::SetEvent(ToHandle(event.Get()))) return LastError("SetEvent");
  // An auto-reset event wakes one waiter. A region's words never have two.
  *woken = 1;
  return {};
}

void LetOthersRun() { ::SwitchToThread(); }

}  // namespace entropynet
