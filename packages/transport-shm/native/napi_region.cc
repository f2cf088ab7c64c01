#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <napi.h>

#include "environment.h"
#include "exports.h"
#include "napi_arguments.h"
#include "napi_error.h"
#include "region.h"
#include "region_layout.h"

namespace entropynet {
namespace {

// The last release whose V8 lets its count of external memory fall below zero for a moment.
constexpr std::uint32_t kLastTolerantNodeMajor = 22;

// An unmapped region holds addresses and one of the kernel's 65,530 mappings, which cost far less than
// memory. V8 collects after 64 MiB of external memory at the latest. That is after 16,384 regions of at most
// 4 MiB, which hold 64 GiB of addresses, or after larger ones that hold as many.
constexpr std::size_t kAddressesPerCountedByte = 1024;
constexpr std::size_t kCountedBytesPerMapping = 4096;

void AdjustExternalMemory(napi_env env, std::int64_t change) {
  std::int64_t total;
  if (change != 0) static_cast<void>(napi_adjust_external_memory(env, change, &total));
}

/*
 * Returns the part of V8's count to subtract for a used mapping of `byte_length` bytes. V8 counts it as
 * memory that a collection could free, and would collect far too often. But when V8 collects the ArrayBuffer,
 * it subtracts the whole size, and only then does the finalizer run that adds it again. A newer V8 aborts the
 * process if its count is too small for that, so there everything stays counted. That costs one collection
 * for each 64 MiB of new regions, and none while they stand, because V8 compares with the count after the
 * last one.
 */
std::int64_t BytesToGiveBack(Napi::Env env, std::size_t byte_length) {
  const napi_node_version* version = nullptr;
  if (napi_get_node_version(env, &version) != napi_ok || version->major > kLastTolerantNodeMajor) return 0;
  return static_cast<std::int64_t>(byte_length);
}

// Runs for the backing store and for the object of a region's ArrayBuffer, in either order.
void LetGo(napi_env env, Region* held) {
  held->holders--;
  if (held->holders > 0) return;
  const std::unique_ptr<Region> region(held);
  AdjustExternalMemory(env, region->uncounted_bytes);
  if (region->environment != nullptr) region->environment->Regions().erase(region->mapping.Data());
}

void FinalizeBackingStore(napi_env env, void*, void* hint) { LetGo(env, static_cast<Region*>(hint)); }

void FinalizeObject(napi_env env, void* data, void*) { LetGo(env, static_cast<Region*>(data)); }

bool SupportsExternalBuffers(Napi::Env env) {
  Environment& environment = Environment::Of(env);
  if (environment.external_buffers == Environment::Support::kUnknown) {
    auto* probe = new std::uint64_t(0);
    const auto finalize = [](napi_env, void* data, void*) { delete static_cast<std::uint64_t*>(data); };
    napi_value buffer;
    const napi_status status =
        napi_create_external_arraybuffer(env, probe, sizeof *probe, finalize, nullptr, &buffer);
    if (status == napi_no_external_buffers_allowed) delete probe;
    environment.external_buffers = status == napi_ok ? Environment::Support::kYes : Environment::Support::kNo;
  }
  return environment.external_buffers == Environment::Support::kYes;
}

// Maps `descriptor` into a new ArrayBuffer. If that fails, returns empty, with an exception pending.
Napi::Value MapIntoArrayBuffer(Napi::Env env, Descriptor descriptor, std::size_t byte_length) {
  if (!SupportsExternalBuffers(env)) {
    ThrowStatus(env, {kErrorUnsupported, "napi_create_external_arraybuffer"});
    return {};
  }
  auto region = std::make_unique<Region>();
  const Status status = region->mapping.Map(descriptor, byte_length);
  if (!status.Ok()) {
    ThrowStatus(env, status);
    return {};
  }
  void* data = region->mapping.Data();
  napi_value buffer;
  napi_status created =
      napi_create_external_arraybuffer(env, data, byte_length, FinalizeBackingStore, region.get(), &buffer);
  if (created == napi_ok) {
    created = napi_add_finalizer(env, buffer, region.get(), FinalizeObject, nullptr, nullptr);
  }
  if (created != napi_ok) {
    // The runtime allows such buffers and the size is right, so only an environment that is ending gets here.
    // It is unknown then if the finalizers will run. The process or the finalizers free the region.
    static_cast<void>(region.release());
    ThrowStatus(env, {kErrorUnsupported, "napi_create_external_arraybuffer"});
    return {};
  }
  region->environment = &Environment::Of(env);
  region->environment->Regions()[data] = region.get();
  region->uncounted_bytes = BytesToGiveBack(env, byte_length);
  AdjustExternalMemory(env, -region->uncounted_bytes);
  // The finalizers own it from here on.
  static_cast<void>(region.release());
  return Napi::Value(env, buffer);
}

Napi::Value CreateRegion(const Napi::CallbackInfo& info) {
  OwnedDescriptor descriptor;
  std::size_t byte_length;
  if (!MakeMemory(info, &descriptor, &byte_length)) return {};
  const Napi::Value buffer = MapIntoArrayBuffer(info.Env(), descriptor.Get(), byte_length);
  return MadeRegion("buffer", buffer, std::move(descriptor));
}

Napi::Value AttachRegion(const Napi::CallbackInfo& info) {
  Descriptor descriptor;
  std::size_t byte_length;
  if (!CheckMemory(info, &descriptor, &byte_length)) return {};
  return MapIntoArrayBuffer(info.Env(), descriptor, byte_length);
}

void UnmapRegion(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ByteView bytes;
  if (!ReadArrayBuffer(info, 0, "buffer", &bytes)) return;
  // The buffer was detached before: its region was unmapped, or moved to another ArrayBuffer, which the
  // caller must unmap.
  if (info[0].As<Napi::ArrayBuffer>().IsDetached()) return;
  // The key is the address and not the object, so that a moved region is found under its new object.
  std::map<void*, Region*>& regions = Environment::Of(env).Regions();
  const auto found = regions.find(bytes.data);
  if (found == regions.end()) {
    ThrowTypeError(env,
                   "buffer must be a region that createRegion or attachRegion made, got another ArrayBuffer");
    return;
  }
  Region* region = found->second;
  // This comes before V8 subtracts it as well, because its count must not fall below its first value.
  AdjustExternalMemory(env, region->uncounted_bytes);
  // Some runtimes run finalizers inside the call, so this function holds the region, too, until it has
  // finished.
  region->holders++;
  const napi_status detached = napi_detach_arraybuffer(env, info[0]);
  if (detached != napi_ok) {
    AdjustExternalMemory(env, -region->uncounted_bytes);
    LetGo(env, region);
    ThrowTypeError(env, "buffer must be an ArrayBuffer that can be detached, got one that cannot");
    return;
  }
  region->mapping.Withdraw();
  // Only a collection frees the rest, a range of addresses. V8 counts a part of it from here on.
  const auto counted = static_cast<std::int64_t>(
      std::max(region->mapping.ByteLength() / kAddressesPerCountedByte, kCountedBytesPerMapping));
  AdjustExternalMemory(env, counted);
  region->uncounted_bytes = -counted;
  LetGo(env, region);
}

void CloseOwnedDescriptor(const Napi::CallbackInfo& info) {
  Descriptor descriptor;
  if (!ReadDescriptor(info, 0, "descriptor", &descriptor)) return;
  const Status status = Environment::Of(info.Env()).CloseOwned(descriptor);
  if (!status.Ok()) ThrowStatus(info.Env(), status);
}

Napi::Value SupportsExternalBuffersHere(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), SupportsExternalBuffers(info.Env()));
}

}  // namespace

bool MakeMemory(const Napi::CallbackInfo& info, OwnedDescriptor* made, std::size_t* byte_length) {
  double given;
  bool prefault = false;
  if (!ReadInteger(info, 0, "byteLength", kControlBlockBytes, kMaxRegionBytes, &given)) return false;
  if (!ReadFlag(info, 1, "prefault", &prefault)) return false;
  *byte_length = static_cast<std::size_t>(given);
  Status status = CreateSharedMemory(*byte_length, made);
  if (status.Ok() && prefault) status = Preallocate(made->Get(), *byte_length);
  if (!status.Ok()) ThrowStatus(info.Env(), status);
  return status.Ok();
}

bool CheckMemory(const Napi::CallbackInfo& info, Descriptor* descriptor, std::size_t* byte_length) {
  double given;
  bool prefault = false;
  if (!ReadDescriptor(info, 0, "descriptor", descriptor)) return false;
  if (!ReadInteger(info, 1, "byteLength", kControlBlockBytes, kMaxRegionBytes, &given)) return false;
  if (!ReadFlag(info, 2, "prefault", &prefault)) return false;
  *byte_length = static_cast<std::size_t>(given);
  std::uint64_t actual_length = 0;
  Status status = CheckSharedMemory(*descriptor, *byte_length, &actual_length);
  std::string note;
  if (status.error == kErrorSizeMismatch) {
    note = "expected " + std::to_string(*byte_length) + " bytes, found " + std::to_string(actual_length);
  }
  if (status.Ok() && prefault) status = Preallocate(*descriptor, *byte_length);
  if (!status.Ok()) ThrowStatus(info.Env(), status, {}, note);
  return status.Ok();
}

Napi::Value MadeRegion(const char* name, const Napi::Value& made, OwnedDescriptor descriptor) {
  if (made.IsEmpty()) return {};
  const Napi::Env env = made.Env();
  Napi::Object result = Napi::Object::New(env);
  result.Set(name, made);
  result.Set("descriptor", static_cast<double>(Environment::Of(env).Own(std::move(descriptor))));
  return result;
}

void ExportRegion(Napi::Env env, Napi::Object exports) {
  exports.Set("createRegion", Napi::Function::New<CreateRegion>(env, "createRegion"));
  exports.Set("attachRegion", Napi::Function::New<AttachRegion>(env, "attachRegion"));
  exports.Set("unmapRegion", Napi::Function::New<UnmapRegion>(env, "unmapRegion"));
  exports.Set("closeDescriptor", Napi::Function::New<CloseOwnedDescriptor>(env, "closeDescriptor"));
  exports.Set("supportsExternalBuffers",
              Napi::Function::New<SupportsExternalBuffersHere>(env, "supportsExternalBuffers"));
}

}  // namespace entropynet
