#include "../readiness.h"

namespace entropynet {

// No socket is pollable on Windows: see LocalSocket::StartNotifying. So there is no thread.
Status Readiness::Start(Notify, void*, std::unique_ptr<Readiness>* started) {
  started->reset();
  return {};
}

}  // namespace entropynet
