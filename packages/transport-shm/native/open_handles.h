#ifndef ENTROPYNET_OPEN_HANDLES_H_
#define ENTROPYNET_OPEN_HANDLES_H_

#include <cstddef>

#include <napi.h>

namespace entropynet {

/*
 * Counts the event-loop handles of one environment that libuv has not finished closing, and delays the
 * environment's teardown until there are none: a worker's loop must not be freed before its handles. The
 * environment and every handle share it, so it lives as long as the last of them. JS thread only.
 */
class OpenHandles {
 public:
  OpenHandles() = default;
  OpenHandles(const OpenHandles&) = delete;
  OpenHandles& operator=(const OpenHandles&) = delete;

  void Opened() { count_++; }

  // Called from libuv's close callback.
  void Closed() {
    count_--;
    FinishIfNone();
  }

  // Continues the teardown of `hook` as soon as the last handle is closed.
  void FinishWhenNone(napi_async_cleanup_hook_handle hook) {
    hook_ = hook;
    FinishIfNone();
  }

 private:
  void FinishIfNone() {
    if (count_ > 0 || hook_ == nullptr) return;
    const napi_async_cleanup_hook_handle hook = hook_;
    hook_ = nullptr;
    static_cast<void>(napi_remove_async_cleanup_hook(hook));
  }

  std::size_t count_ = 0;
  napi_async_cleanup_hook_handle hook_ = nullptr;
};

}  // namespace entropynet

#endif  // ENTROPYNET_OPEN_HANDLES_H_
