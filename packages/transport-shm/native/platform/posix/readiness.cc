#include "../readiness.h"

#include <cerrno>
#include <csignal>
#include <utility>

#include <pthread.h>

#include "event_queue.h"

// See descriptor.cc.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__clang__)
#if defined(__x86_64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.2.5");
__asm__(".symver pthread_sigmask,pthread_sigmask@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.17");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.17");
__asm__(".symver pthread_sigmask,pthread_sigmask@GLIBC_2.17");
#endif
#endif

namespace entropynet {
namespace {

constexpr std::size_t kMostKeys = 64;

class ReadinessThread final : public Readiness {
 public:
  ReadinessThread(Notify notify, void* data) : notify_(notify), data_(data) {}

  ~ReadinessThread() override {
    if (!is_running_) return;
    queue_.End();
    static_cast<void>(::pthread_join(thread_, nullptr));
  }

  Status Start() {
    if (const Status status = queue_.Open(); !status.Ok()) return status;
    // Other threads handle the process's signals, because a handler may rely on running there.
    sigset_t all;
    sigset_t before;
    // A macro on some systems, so without "::".
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = ::pthread_create(&thread_, nullptr, Run, this);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    is_running_ = error == 0;
    if (error != 0) return {error, "pthread_create"};
    return {};
  }

  Status Add(Descriptor descriptor, std::uintptr_t key) override { return queue_.Add(descriptor, key); }
  void Rearm(Descriptor descriptor, std::uintptr_t key) override { queue_.Rearm(descriptor, key); }
  void Remove(Descriptor descriptor) override { queue_.Remove(descriptor); }

 private:
  static void* Run(void* data) {
    auto* self = static_cast<ReadinessThread*>(data);
    std::uintptr_t keys[kMostKeys];
    for (;;) {
      const std::size_t count = self->queue_.Wait(keys, kMostKeys);
      for (std::size_t index = 0; index < count; index++) {
        if (keys[index] == 0) return nullptr;
        self->notify_(self->data_, keys[index]);
      }
    }
  }

  const Notify notify_;
  void* const data_;
  EventQueue queue_;
  pthread_t thread_{};
  bool is_running_ = false;
};

}  // namespace

Status Readiness::Start(Notify notify, void* data, std::unique_ptr<Readiness>* started) {
  auto thread = std::make_unique<ReadinessThread>(notify, data);
  const Status status = thread->Start();
  if (status.Ok()) *started = std::move(thread);
  return status;
}

}  // namespace entropynet
