#include "napi_region_copy.h"

#include <cstring>
#include <string>
#include <utility>

#include "environment.h"
#include "napi_arguments.h"
#include "napi_error.h"
#include "platform/futex.h"
#include "region.h"
#include "region_layout.h"

namespace entropynet {
namespace {

// The control block says a region's size in a 32-bit word.
constexpr double kMaxRegionBytes = 4294967295.0;
constexpr double kMaxTimeoutMs = 2147483647.0;
constexpr double kNanosecondsPerMillisecond = 1e6;

}  // namespace

void NapiRegionCopy::Export(Napi::Env env, Napi::Object exports) {
  const Napi::Function region_copy =
      DefineClass(env, "RegionCopy",
                  {
                      StaticMethod<&NapiRegionCopy::Create>("create"),
                      StaticMethod<&NapiRegionCopy::Attach>("attach"),
                      InstanceMethod<&NapiRegionCopy::ReadControlBlock>("readControlBlock"),
                      InstanceMethod<&NapiRegionCopy::WriteControlBlock>("writeControlBlock"),
                      InstanceMethod<&NapiRegionCopy::Exchange>("exchange"),
                      InstanceMethod<&NapiRegionCopy::Wait>("waitOnWord"),
                      InstanceMethod<&NapiRegionCopy::Unmap>("unmap"),
                  });
  Environment::Of(env).region_copy_class = Napi::Persistent(region_copy);
  exports.Set("RegionCopy", region_copy);
}

NapiRegionCopy::NapiRegionCopy(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<NapiRegionCopy>(info), region_(std::move(Environment::Of(info.Env()).region_to_wrap)) {
  if (region_ != nullptr) return;
  ThrowTypeError(info.Env(), "RegionCopy must be made by RegionCopy.create or RegionCopy.attach, got new");
}

Napi::Value NapiRegionCopy::Wrap(Napi::Env env, RegionSide side, Descriptor descriptor,
                                 std::size_t byte_length) {
  const std::shared_ptr<Mapping> mapping(new Mapping());
  const Status status = mapping->Map(descriptor, byte_length);
  if (!status.Ok()) {
    ThrowStatus(env, status);
    return {};
  }
  Environment& environment = Environment::Of(env);
  environment.region_to_wrap = std::make_unique<RegionCopy>(side, mapping);
  const Napi::Object wrapped = environment.region_copy_class.New({});
  // Still there if the environment is being terminated and could not run the constructor.
  environment.region_to_wrap.reset();
  return wrapped;
}

Napi::Value NapiRegionCopy::Create(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  double byte_length;
  if (!ReadInteger(info, 0, "byteLength", kControlBlockBytes, kMaxRegionBytes, &byte_length)) return {};
  OwnedDescriptor descriptor;
  const Status status = CreateSharedMemory(static_cast<std::size_t>(byte_length), &descriptor);
  if (!status.Ok()) {
    ThrowStatus(env, status);
    return {};
  }
  const Napi::Value region =
      Wrap(env, RegionSide::kServer, descriptor.Get(), static_cast<std::size_t>(byte_length));
  if (region.IsEmpty()) return {};
  Napi::Object result = Napi::Object::New(env);
  result.Set("region", region);
  result.Set("descriptor", static_cast<double>(Environment::Of(env).Own(std::move(descriptor))));
  return result;
}

Napi::Value NapiRegionCopy::Attach(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Descriptor descriptor;
  double byte_length;
  if (!ReadDescriptor(info, 0, "descriptor", &descriptor)) return {};
  if (!ReadInteger(info, 1, "byteLength", kControlBlockBytes, kMaxRegionBytes, &byte_length)) return {};
  const auto expected_length = static_cast<std::size_t>(byte_length);
  if (!RequireSharedMemory(env, descriptor, expected_length)) return {};
  return Wrap(env, RegionSide::kClient, descriptor, expected_length);
}

bool NapiRegionCopy::ReadCopy(const Napi::CallbackInfo& info, std::uint8_t** copy) {
  if (region_ == nullptr) {
    ThrowStatus(info.Env(), {kErrorClosed, "munmap"});
    return false;
  }
  ByteView bytes;
  if (!ReadArrayBuffer(info, 0, "copy", &bytes)) return false;
  const std::size_t expected = region_->Memory().ByteLength();
  if (bytes.size != expected) {
    ThrowTypeError(info.Env(), "copy must be an ArrayBuffer of " + std::to_string(expected) +
                                   " bytes, got one of " + std::to_string(bytes.size));
    return false;
  }
  *copy = bytes.data;
  return true;
}

void NapiRegionCopy::ReadControlBlock(const Napi::CallbackInfo& info) {
  std::uint8_t* copy;
  if (ReadCopy(info, &copy)) std::memcpy(copy, region_->Memory().Data(), kControlBlockBytes);
}

void NapiRegionCopy::WriteControlBlock(const Napi::CallbackInfo& info) {
  std::uint8_t* copy;
  if (ReadCopy(info, &copy)) std::memcpy(region_->Memory().Data(), copy, kControlBlockBytes);
}

Napi::Value NapiRegionCopy::Exchange(const Napi::CallbackInfo& info) {
  std::uint8_t* copy;
  if (!ReadCopy(info, &copy)) return {};
  return Napi::Boolean::New(info.Env(), region_->Exchange(copy));
}

// Blocks this thread: a worker that is terminated meanwhile ends when the wait does.
void NapiRegionCopy::Wait(const Napi::CallbackInfo& info) {
  if (region_ == nullptr) {
    ThrowStatus(info.Env(), {kErrorClosed, "futex"});
    return;
  }
  double byte_offset;
  double expected;
  double timeout_ms;
  if (!ReadInteger(info, 0, "byteOffset", 0, kControlBlockBytes - sizeof(std::uint32_t), &byte_offset))
    return;
  if (!ReadInteger(info, 1, "expected", 0, kMaxRegionBytes, &expected)) return;
  if (!ReadNumber(info, 2, "timeoutMs", 0, kMaxTimeoutMs, &timeout_ms)) return;
  const Mapping& memory = region_->Memory();
  const SharedWord word = {
      static_cast<std::uint8_t*>(memory.Data()), memory.ByteLength(),
      static_cast<std::size_t>(byte_offset) / sizeof(std::uint32_t) * sizeof(std::uint32_t)};
  WaitResult result = WaitResult::kTimedOut;
  const Status status =
      WaitOnWord(word, static_cast<std::uint32_t>(expected),
                 static_cast<std::int64_t>(timeout_ms * kNanosecondsPerMillisecond), &result);
  if (!status.Ok()) ThrowStatus(info.Env(), status);
}

void NapiRegionCopy::Unmap(const Napi::CallbackInfo&) { region_.reset(); }

}  // namespace entropynet
