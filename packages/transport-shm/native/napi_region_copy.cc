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
#include "wrap_argument.h"

namespace entropynet {
namespace {

constexpr napi_type_tag kContentTag = {0x5d7e20c94b8f4a13, 0x9e6604d1f2b7385c};

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
    : Napi::ObjectWrap<NapiRegionCopy>(info), region_(TakeContent<RegionCopy>(info, kContentTag)) {
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
  return WrapContent(env, Environment::Of(env).region_copy_class, kContentTag,
                     std::make_unique<RegionCopy>(side, mapping));
}

Napi::Value NapiRegionCopy::Create(const Napi::CallbackInfo& info) {
  OwnedDescriptor descriptor;
  std::size_t byte_length;
  if (!MakeMemory(info, &descriptor, &byte_length)) return {};
  const Napi::Value region = Wrap(info.Env(), RegionSide::kServer, descriptor.Get(), byte_length);
  return MadeRegion("region", region, std::move(descriptor));
}

Napi::Value NapiRegionCopy::Attach(const Napi::CallbackInfo& info) {
  Descriptor descriptor;
  std::size_t byte_length;
  if (!CheckMemory(info, &descriptor, &byte_length)) return {};
  return Wrap(info.Env(), RegionSide::kClient, descriptor, byte_length);
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

bool NapiRegionCopy::ReadPart(const Napi::CallbackInfo& info, Part* part) {
  std::uint8_t* copy;
  double offset;
  double length;
  if (!ReadCopy(info, &copy) || !ReadInteger(info, 1, "byteOffset", 0, kControlBlockBytes, &offset) ||
      !ReadInteger(info, 2, "byteLength", 0, kControlBlockBytes - offset, &length)) {
    return false;
  }
  const auto start = static_cast<std::size_t>(offset);
  *part = {copy + start, static_cast<std::uint8_t*>(region_->Memory().Data()) + start,
           static_cast<std::size_t>(length)};
  return true;
}

void NapiRegionCopy::ReadControlBlock(const Napi::CallbackInfo& info) {
  Part part;
  if (ReadPart(info, &part)) std::memcpy(part.copy, part.region, part.size);
}

void NapiRegionCopy::WriteControlBlock(const Napi::CallbackInfo& info) {
  Part part;
  if (ReadPart(info, &part)) std::memcpy(part.region, part.copy, part.size);
}

Napi::Value NapiRegionCopy::Exchange(const Napi::CallbackInfo& info) {
  std::uint8_t* copy;
  if (!ReadCopy(info, &copy)) return {};
  return Napi::Boolean::New(info.Env(), region_->Exchange(copy));
}

Napi::Value NapiRegionCopy::Wait(const Napi::CallbackInfo& info) {
  if (region_ == nullptr) {
    ThrowStatus(info.Env(), {kErrorClosed, "futex"});
    return {};
  }
  double byte_offset;
  if (!ReadInteger(info, 0, "byteOffset", 0, kControlBlockBytes - sizeof(std::uint32_t), &byte_offset))
    return {};
  const Mapping& memory = region_->Memory();
  const SharedWord word = {
      static_cast<std::uint8_t*>(memory.Data()), memory.ByteLength(),
      static_cast<std::size_t>(byte_offset) / sizeof(std::uint32_t) * sizeof(std::uint32_t)};
  return WaitOn(info, 1, word);
}

void NapiRegionCopy::Unmap(const Napi::CallbackInfo&) { region_.reset(); }

}  // namespace entropynet
