#include <napi.h>

#include "environment.h"
#include "exports.h"
#include "napi_local_socket.h"
#include "napi_region_copy.h"

namespace {

// Runs once for every environment (main thread, each worker) that loads the addon.
Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  entropynet::Environment::Install(env);
  entropynet::ExportRegion(env, exports);
  entropynet::ExportFutex(env, exports);
  entropynet::ExportProcess(env, exports);
  entropynet::ExportNames(env, exports);
  entropynet::ExportAccounts(env, exports);
  entropynet::ExportLayout(env, exports);
  entropynet::ExportWake(env, exports);
  entropynet::NapiLocalSocket::Export(env, exports);
  entropynet::NapiRegionCopy::Export(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(entropynet_shm, Initialize)
