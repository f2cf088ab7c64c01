#include "../posix/event_queue.h"

#include <cerrno>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace entropynet {
namespace {

constexpr std::size_t kMostEvents = 64;

epoll_event EventOf(std::uint32_t events, std::uintptr_t key) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  return event;
}

// EPOLLONESHOT, because a socket that stays readable until the JS thread reads it must not keep this thread
// busy.
epoll_event OnceReadable(std::uintptr_t key) { return EventOf(EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, key); }

}  // namespace

Status EventQueue::Open() {
  queue_.Reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!queue_.IsOpen()) return {errno, "epoll_create1"};
  end_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!end_.IsOpen()) return {errno, "eventfd"};
  epoll_event event = EventOf(EPOLLIN, 0);
  if (::epoll_ctl(queue_.Get(), EPOLL_CTL_ADD, end_.Get(), &event) != 0) return {errno, "epoll_ctl"};
  return {};
}

Status EventQueue::Add(Descriptor descriptor, std::uintptr_t key) {
  epoll_event event = OnceReadable(key);
  if (::epoll_ctl(queue_.Get(), EPOLL_CTL_ADD, descriptor, &event) != 0) return {errno, "epoll_ctl"};
  return {};
}

void EventQueue::Rearm(Descriptor descriptor, std::uintptr_t key) {
  epoll_event event = OnceReadable(key);
  // This can't fail: the socket is in the queue and open.
  static_cast<void>(::epoll_ctl(queue_.Get(), EPOLL_CTL_MOD, descriptor, &event));
}

void EventQueue::Remove(Descriptor descriptor) {
  // Kernels before 2.6.9 need an event here, too.
  epoll_event event{};
  static_cast<void>(::epoll_ctl(queue_.Get(), EPOLL_CTL_DEL, descriptor, &event));
}

void EventQueue::End() {
  const std::uint64_t one = 1;
  // It can't be full, because it is written only once.
  if (::write(end_.Get(), &one, sizeof one) < 0) return;
}

std::size_t EventQueue::Wait(std::uintptr_t* keys, std::size_t room) {
  epoll_event events[kMostEvents];
  int count;
  do {
    count = ::epoll_wait(queue_.Get(), events, static_cast<int>(room < kMostEvents ? room : kMostEvents), -1);
  } while (count < 0 && errno == EINTR);
  for (int index = 0; index < count; index++)
    keys[index] = static_cast<std::uintptr_t>(events[index].data.u64);
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

}  // namespace entropynet
