#include "../posix/event_queue.h"

#include <cerrno>

#include <sys/event.h>

namespace entropynet {
namespace {

constexpr std::size_t kMostEvents = 64;

int Change(Descriptor queue, std::uintptr_t ident, std::int16_t filter, std::uint16_t flags,
           std::uint32_t fflags, std::uintptr_t key) {
  struct kevent change;
  EV_SET(&change, ident, filter, flags, fflags, 0, reinterpret_cast<void*>(key));
  int result;
  do {
    result = ::kevent(static_cast<int>(queue), &change, 1, nullptr, 0, nullptr);
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace

Status EventQueue::Open() {
  // A program that this one starts never inherits it: a child of fork() has no kqueue.
  queue_.Reset(::kqueue());
  if (!queue_.IsOpen()) return {errno, "kqueue"};
  if (Change(queue_.Get(), 0, EVFILT_USER, EV_ADD, 0, 0) < 0) return {errno, "kevent"};
  return {};
}

Status EventQueue::Add(Descriptor descriptor, std::uintptr_t key) {
  // EV_DISPATCH, because a socket that stays readable until the JS thread reads it must not keep this thread
  // busy.
  const auto ident = static_cast<std::uintptr_t>(descriptor);
  if (Change(queue_.Get(), ident, EVFILT_READ, EV_ADD | EV_DISPATCH, 0, key) < 0) return {errno, "kevent"};
  return {};
}

void EventQueue::Rearm(Descriptor descriptor, std::uintptr_t key) {
  const auto ident = static_cast<std::uintptr_t>(descriptor);
  static_cast<void>(Change(queue_.Get(), ident, EVFILT_READ, EV_ENABLE | EV_DISPATCH, 0, key));
}

void EventQueue::Remove(Descriptor descriptor) {
  static_cast<void>(
      Change(queue_.Get(), static_cast<std::uintptr_t>(descriptor), EVFILT_READ, EV_DELETE, 0, 0));
}

void EventQueue::End() { static_cast<void>(Change(queue_.Get(), 0, EVFILT_USER, 0, NOTE_TRIGGER, 0)); }

std::size_t EventQueue::Wait(std::uintptr_t* keys, std::size_t room) {
  struct kevent events[kMostEvents];
  int count;
  do {
    count = ::kevent(static_cast<int>(queue_.Get()), nullptr, 0, events,
                     static_cast<int>(room < kMostEvents ? room : kMostEvents), nullptr);
  } while (count < 0 && errno == EINTR);
  for (int index = 0; index < count; index++)
    keys[index] = reinterpret_cast<std::uintptr_t>(events[index].udata);
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

}  // namespace entropynet
