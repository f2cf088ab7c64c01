// Runs both ends of a region on copies, in two threads over one mapping, for the thread sanitizer. With the
// argument `hostile` it runs one end while a third thread changes the region at random, for the other
// sanitizers.

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "../copy_words.h"
#include "../platform/mapping.h"
#include "../region_copy.h"
#include "../region_layout.h"
#include "check.h"

namespace entropynet {
namespace {

constexpr std::size_t kBytes = 65536;
constexpr std::uint32_t kFrames = 2000000;
// Written before and after a copy. It must stay unchanged.
constexpr std::uint8_t kGuard = 0xa5;
constexpr std::size_t kGuardBytes = 4096;

std::shared_ptr<const Mapping> MapRegion() {
  OwnedDescriptor created;
  auto mapping = std::make_shared<Mapping>();
  CHECK(CreateSharedMemory(kBytes, &created).Ok() && mapping->Map(created.Get(), kBytes).Ok());
  return mapping;
}

// The positions of one side's words and rings.
struct Side {
  std::uint32_t tail;
  std::uint32_t head;
  std::uint32_t outgoing;
  std::uint32_t peer_tail;
  std::uint32_t peer_head;
  std::uint32_t incoming;
};

// Sends words that count up, 8 bytes each, and expects the same from the other side. It works like the rings
// in TypeScript.
void RunSide(RegionSide side, const std::shared_ptr<const Mapping>& mapping) {
  const std::uint32_t capacity = RingCapacityOf(kBytes);
  const std::uint32_t second = kControlBlockBytes + capacity;
  const Side layout = side == RegionSide::kServer
                          ? Side{kServerTailOffset, kServerHeadOffset, kControlBlockBytes,
                                 kClientTailOffset, kClientHeadOffset, second}
                          : Side{kClientTailOffset, kClientHeadOffset, second,
                                 kServerTailOffset, kServerHeadOffset, kControlBlockBytes};
  std::vector<std::uint8_t> memory(kBytes);
  std::uint8_t* copy = memory.data();
  RegionCopy region(side, mapping);
  std::uint32_t written = 0;
  std::uint32_t read = 0;
  while (written < kFrames || read < kFrames) {
    static_cast<void>(region.Exchange(copy));
    const std::uint32_t room = capacity - (written * 8 - GetWord(copy, layout.peer_head));
    for (std::uint32_t count = 0; count < room / 8 && count < 64 && written < kFrames; count++) {
      const std::uint32_t at = layout.outgoing + written * 8 % capacity;
      SetWord(copy, at, written);
      SetWord(copy, at + 4, ~written);
      written++;
    }
    SetWord(copy, layout.tail, written * 8);
    const std::uint32_t tail = GetWord(copy, layout.peer_tail);
    CHECK(tail - read * 8 <= capacity && tail % 8 == 0);
    for (; read * 8 != tail; read++) {
      const std::uint32_t at = layout.incoming + read * 8 % capacity;
      CHECK(GetWord(copy, at) == read && GetWord(copy, at + 4) == ~read);
    }
    SetWord(copy, layout.head, read * 8);
  }
  static_cast<void>(region.Exchange(copy));
}

void TestBothSides() {
  const std::shared_ptr<const Mapping> mapping = MapRegion();
  std::thread server([&] { RunSide(RegionSide::kServer, mapping); });
  RunSide(RegionSide::kClient, mapping);
  server.join();
}

void TestHostile() {
  const std::shared_ptr<const Mapping> mapping = MapRegion();
  std::atomic<bool> stop{false};
  std::thread adversary([&] {
    auto* words = static_cast<std::atomic<std::uint32_t>*>(mapping->Data());
    std::uint32_t random = 12345;
    while (!stop.load(std::memory_order_relaxed)) {
      random ^= random << 13;
      random ^= random >> 17;
      random ^= random << 5;
      const std::uint32_t index = random % 4 == 0 ? random / 4 % (kBytes / 4) : random / 4 % 64;
      words[index].store(random % 3 == 0 ? random : random % 5 * 8, std::memory_order_relaxed);
    }
  });
  std::vector<std::uint8_t> memory(kBytes + 2 * kGuardBytes, kGuard);
  std::uint8_t* copy = memory.data() + kGuardBytes;
  std::memset(copy, 0, kBytes);
  RegionCopy region(RegionSide::kServer, mapping);
  for (std::uint32_t round = 0; round < 1000000; round++) {
    SetWord(copy, kServerTailOffset, GetWord(copy, kServerTailOffset) + round % 100 * 8);
    SetWord(copy, kServerHeadOffset, GetWord(copy, kClientTailOffset));
    static_cast<void>(region.Exchange(copy));
  }
  stop = true;
  adversary.join();
  for (std::size_t index = 0; index < kGuardBytes; index++) {
    CHECK(memory[index] == kGuard && memory[kGuardBytes + kBytes + index] == kGuard);
  }
}

}  // namespace
}  // namespace entropynet

int main(int count, char**) {
  if (count > 1)
    entropynet::TestHostile();
  else
    entropynet::TestBothSides();
  return 0;
}
