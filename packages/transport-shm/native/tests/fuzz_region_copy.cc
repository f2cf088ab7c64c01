// Fuzzes the native half of a region's copy. The input is a script of a peer's writes into the region and of
// JavaScript's writes into the copy, with an exchange after each step.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "../platform/mapping.h"
#include "../region_copy.h"
#include "../region_layout.h"
#include "check.h"

namespace {

constexpr std::size_t kBytes = 4096;
constexpr std::uint8_t kGuard = 0xa5;
constexpr std::size_t kGuardBytes = 256;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace entropynet;
  static const std::shared_ptr<const Mapping> mapping = [] {
    OwnedDescriptor created;
    auto made = std::make_shared<Mapping>();
    CHECK(CreateSharedMemory(kBytes, &created).Ok() && made->Map(created.Get(), kBytes).Ok());
    return made;
  }();
  auto* region = static_cast<std::uint8_t*>(mapping->Data());
  std::memset(region, 0, kBytes);
  std::vector<std::uint8_t> memory(kBytes + 2 * kGuardBytes, kGuard);
  std::uint8_t* copy = memory.data() + kGuardBytes;
  std::memset(copy, 0, kBytes);
  RegionCopy server(RegionSide::kServer, mapping);
  RegionCopy client(RegionSide::kClient, mapping);
  // A step: the place (2 bytes; the highest bit selects the memory, the next the side that exchanges), and 4
  // bytes to write.
  for (std::size_t at = 0; at + 6 <= size; at += 6) {
    std::uint16_t where;
    std::memcpy(&where, data + at, sizeof where);
    std::uint8_t* target = (where & 0x8000) != 0 ? region : copy;
    std::memcpy(target + where % (kBytes - 3), data + at + 2, 4);
    static_cast<void>(((where & 0x4000) != 0 ? client : server).Exchange(copy));
  }
  for (std::size_t index = 0; index < kGuardBytes; index++) {
    CHECK(memory[index] == kGuard && memory[kGuardBytes + kBytes + index] == kGuard);
  }
  return 0;
}
