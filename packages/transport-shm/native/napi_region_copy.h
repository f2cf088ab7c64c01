#ifndef ENTROPYNET_NAPI_REGION_COPY_H_
#define ENTROPYNET_NAPI_REGION_COPY_H_

#include <memory>

#include <napi.h>

#include "region_copy.h"

namespace entropynet {

// The JavaScript class RegionCopy. JS thread only.
class NapiRegionCopy final : public Napi::ObjectWrap<NapiRegionCopy> {
 public:
  // Adds the class to `exports`.
  static void Export(Napi::Env env, Napi::Object exports);

  // For the class's `new`, which only Wrap may call.
  explicit NapiRegionCopy(const Napi::CallbackInfo& info);

 private:
  static Napi::Value Create(const Napi::CallbackInfo& info);
  static Napi::Value Attach(const Napi::CallbackInfo& info);

  // Maps `descriptor` and makes its JavaScript object. If that fails, returns empty, with an exception
  // pending.
  static Napi::Value Wrap(Napi::Env env, RegionSide side, Descriptor descriptor, std::size_t byte_length);

  void ReadControlBlock(const Napi::CallbackInfo& info);
  void WriteControlBlock(const Napi::CallbackInfo& info);
  Napi::Value Exchange(const Napi::CallbackInfo& info);
  Napi::Value Wait(const Napi::CallbackInfo& info);
  void Unmap(const Napi::CallbackInfo& info);

  /*
   * Reads the first argument, the copy: an ArrayBuffer of the region's size. Returns false, with an exception
   * pending, for another argument or an unmapped region.
   */
  bool ReadCopy(const Napi::CallbackInfo& info, std::uint8_t** copy);

  // The same bytes of the control block, in the copy and in the region.
  struct Part {
    std::uint8_t* copy;
    std::uint8_t* region;
    std::size_t size;
  };
  // Reads the copy, the offset and the length. Returns false in the same cases, and outside of the control
  // block.
  bool ReadPart(const Napi::CallbackInfo& info, Part* part);

  // Null after the unmapping.
  std::unique_ptr<RegionCopy> region_;
};

}  // namespace entropynet

#endif  // ENTROPYNET_NAPI_REGION_COPY_H_
