#include "../descriptor.h"

#include <cerrno>
#include <deque>
#include <utility>

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

// The names of these functions before glibc 2.34, so that an addon from a new system loads on an old one. A
// sanitizer replaces the functions, and needs the plain names.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__clang__)
#if defined(__x86_64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_detach,pthread_detach@GLIBC_2.2.5");
__asm__(".symver dladdr,dladdr@GLIBC_2.2.5");
__asm__(".symver dlopen,dlopen@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.17");
__asm__(".symver pthread_detach,pthread_detach@GLIBC_2.17");
__asm__(".symver dladdr,dladdr@GLIBC_2.17");
__asm__(".symver dlopen,dlopen@GLIBC_2.17");
#endif
#endif

namespace entropynet {
namespace {

// The descriptors that wait to be closed. Any thread, with the mutex held.
struct Closing {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  std::deque<Descriptor> waiting;
  // The number of waiting descriptors, and the one that is being closed.
  std::size_t count = 0;
  bool has_thread = false;
};

// Never destroyed, because the thread may still be inside a close when the process exits.
Closing& TheClosing() {
  static Closing* const closing = new Closing();
  return *closing;
}

// Runs as long as there are descriptors to close.
void* CloseAll(void*) {
  Closing& closing = TheClosing();
  for (;;) {
    ::pthread_mutex_lock(&closing.mutex);
    if (closing.waiting.empty()) {
      closing.has_thread = false;
      ::pthread_mutex_unlock(&closing.mutex);
      return nullptr;
    }
    const Descriptor descriptor = closing.waiting.front();
    closing.waiting.pop_front();
    ::pthread_mutex_unlock(&closing.mutex);
    static_cast<void>(CloseDescriptor(descriptor));
    ::pthread_mutex_lock(&closing.mutex);
    closing.count--;
    ::pthread_mutex_unlock(&closing.mutex);
  }
}

// Keeps this library loaded permanently, because a worker that loaded it may end before a close does.
void StayLoaded() {
  Dl_info information;
  if (::dladdr(reinterpret_cast<void*>(&CloseAll), &information) == 0) return;
  static_cast<void>(::dlopen(information.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE));
}

// Starts the thread if descriptors wait and there is none. With the mutex held. If the system refuses a
// thread, the next call tries again.
void StartThread(Closing& closing) {
  if (closing.count == 0 || closing.has_thread) return;
  StayLoaded();
  pthread_t thread;
  closing.has_thread = ::pthread_create(&thread, nullptr, CloseAll, nullptr) == 0;
  if (closing.has_thread) ::pthread_detach(thread);
}

}  // namespace

Status CloseDescriptor(Descriptor descriptor) {
  // Never repeated after EINTR: the number is free then, and may be a new descriptor of another thread.
  if (::close(descriptor) != 0 && errno != EINTR) return {errno, "close"};
  return {};
}

void CloseElsewhere(OwnedDescriptor descriptor) {
  if (!descriptor.IsOpen()) return;
  Closing& closing = TheClosing();
  ::pthread_mutex_lock(&closing.mutex);
  closing.waiting.push_back(descriptor.Release());
  closing.count++;
  StartThread(closing);
  ::pthread_mutex_unlock(&closing.mutex);
}

std::size_t WaitingToClose() {
  Closing& closing = TheClosing();
  ::pthread_mutex_lock(&closing.mutex);
  // A server that accepts no more clients asks for this number, and may make no other call here.
  StartThread(closing);
  const std::size_t count = closing.count;
  ::pthread_mutex_unlock(&closing.mutex);
  return count;
}

}  // namespace entropynet
