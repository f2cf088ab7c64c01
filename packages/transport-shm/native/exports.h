#ifndef ENTROPYNET_EXPORTS_H_
#define ENTROPYNET_EXPORTS_H_

#include <napi.h>

namespace entropynet {

// Each adds its functions to `exports`. The environment's state exists already.
void ExportRegion(Napi::Env env, Napi::Object exports);
void ExportFutex(Napi::Env env, Napi::Object exports);
void ExportProcess(Napi::Env env, Napi::Object exports);
void ExportNames(Napi::Env env, Napi::Object exports);
void ExportAccounts(Napi::Env env, Napi::Object exports);
void ExportLayout(Napi::Env env, Napi::Object exports);
void ExportWake(Napi::Env env, Napi::Object exports);

}  // namespace entropynet

#endif  // ENTROPYNET_EXPORTS_H_
