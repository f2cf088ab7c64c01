#ifndef ENTROPYNET_REGION_COPY_H_
#define ENTROPYNET_REGION_COPY_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "platform/mapping.h"

namespace entropynet {

// The end of a region that this process has.
enum class RegionSide { kServer, kClient };

/*
 * One end of a region that JavaScript can't map, because its runtime allows no external memory (a memory
 * cage). JavaScript runs its rings on a copy, and Exchange copies the changes. One or both ends may do so;
 * the region is the same. JS thread only.
 */
class RegionCopy {
 public:
  // `mapping` maps the region. Both ends of one region may share it if they are in one process.
  RegionCopy(RegionSide side, std::shared_ptr<const Mapping> mapping)
      : side_(side), mapping_(std::move(mapping)) {}
  RegionCopy(const RegionCopy&) = delete;
  RegionCopy& operator=(const RegionCopy&) = delete;

  // The mapped region.
  const Mapping& Memory() const { return *mapping_; }

  /*
   * Publishes the changes of this side in `copy` since the last call (frames, positions, declarations), and
   * fetches those of the peer. `copy` has the region's size. Returns whether the caller must ring the peer's
   * doorbell. It wakes a peer that sleeps on a futex itself.
   */
  bool Exchange(std::uint8_t* copy);

 private:
  // The positions of one side's words and of its outgoing ring, as byte offsets.
  struct SideLayout {
    std::uint32_t tail;
    std::uint32_t head;
    std::uint32_t closed;
    std::uint32_t sleep;
    std::uint32_t waits_for_room;
    std::uint32_t ring_start;
  };

  // The copied part of one ring: a free-running position, and the same position inside the ring.
  struct Progress {
    std::uint32_t position = 0;
    std::uint32_t offset = 0;
  };

  static SideLayout LayoutOf(RegionSide side, std::uint32_t capacity);

  // Copies the bytes of a ring from `progress` up to `position`. Returns false if that is more than a ring.
  static bool CopyRing(std::uint8_t* to, const std::uint8_t* from, std::uint32_t capacity,
                       std::uint32_t position, Progress* progress);

  // Clears the peer's declaration that it sleeps. Returns true if the caller must ring its doorbell.
  bool WakePeer(const SideLayout& peer);

  const RegionSide side_;
  const std::shared_ptr<const Mapping> mapping_;
  Progress sent_;
  Progress received_;
  std::uint32_t published_head_ = 0;
};

}  // namespace entropynet

#endif  // ENTROPYNET_REGION_COPY_H_
