#ifndef ENTROPYNET_ENVIRONMENT_H_
#define ENTROPYNET_ENVIRONMENT_H_

#include <map>
#include <memory>
#include <set>
#include <string>

#include <napi.h>

#include "open_handles.h"
#include "platform/descriptor.h"
#include "platform/file_name.h"
#include "platform/local_socket.h"
#include "platform/status.h"
#include "wake.h"

namespace entropynet {

class NapiLocalSocket;
class WakeHub;
struct Region;

/*
 * The resources of the addon in one environment. Only that environment's thread uses it. At the end of the
 * environment it closes everything that is still open.
 */
class Environment {
 public:
  // Makes the state of `env`, which owns it, and registers its teardown.
  static void Install(Napi::Env env);

  // The state of `env`; never null after Install.
  static Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment();

  // Takes ownership of `descriptor` for the JavaScript that gets its number. Returns the number.
  Descriptor Own(OwnedDescriptor descriptor);

  // The same for a descriptor that a peer passed: closing it never waits for that peer.
  Descriptor OwnPassed(OwnedDescriptor descriptor);

  /*
   * Closes a descriptor that Own took. kErrorClosed for any other: a second close would close the descriptor
   * of another owner that has the number now.
   */
  Status CloseOwned(Descriptor descriptor);

  // Remembers the present file of `path`, and removes the name at the end if it still belongs to that file.
  Status RemoveAtExit(Napi::Env env, const std::string& path);
  void ForgetAtExit(const std::string& path) { names_.erase(path); }

  // The mapped regions by address. It does not own them: each belongs to the finalizers of its ArrayBuffer.
  std::map<void*, Region*>& Regions() { return regions_; }

  // The open sockets, so that the teardown can close them.
  void AddSocket(NapiLocalSocket* socket) { sockets_.insert(socket); }
  void RemoveSocket(NapiLocalSocket* socket) { sockets_.erase(socket); }

  const std::shared_ptr<OpenHandles>& Handles() const { return handles_; }

  // The two classes, for the functions that make their objects.
  Napi::FunctionReference local_socket_class;
  Napi::FunctionReference region_copy_class;

  // Whether this runtime allows external ArrayBuffers; unknown before the first attempt.
  enum class Support { kUnknown, kYes, kNo };
  Support external_buffers = Support::kUnknown;

  // The mechanism for watches that are started from now on.
  Wake wake = Wake::kThread;

  // Null until the first watch by a thread.
  std::shared_ptr<WakeHub> wake_hub;

 private:
  static void TearDown(napi_async_cleanup_hook_handle hook, void* data);

  void RemoveNames();
  void CloseEverything();
  Status Close(Descriptor descriptor);

  std::shared_ptr<OpenHandles> handles_{new OpenHandles()};
  std::map<std::string, FileIdentity> names_;
  std::set<NapiLocalSocket*> sockets_;
  std::set<Descriptor> descriptors_;
  // The part of them that peers have passed.
  std::set<Descriptor> passed_;
  std::map<void*, Region*> regions_;
  bool listens_for_exit_ = false;
};

}  // namespace entropynet

#endif  // ENTROPYNET_ENVIRONMENT_H_
