#ifndef ENTROPYNET_REGION_COPY_H_
#define ENTROPYNET_REGION_COPY_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "platform/mapping.h"

namespace entropynet {

// Which end of a region this process is.
enum class RegionSide { kServer, kClient };

/*
 * One end of a region that JavaScript can't map, because its runtime allows no memory of others (a memory
 * cage): JavaScript runs its rings on a copy, and Exchange carries over what changed. Both ends may do
 * so or only one; the region is the same. JS thread only.
 */
class RegionCopy {
 public:
  // `mapping` maps the region; both ends of one region may share it, if they are in one process.
  RegionCopy(RegionSide side, std::shared_ptr<const Mapping> mapping)
      : side_(side), mapping_(std::move(mapping)) {}
  RegionCopy(const RegionCopy&) = delete;
  RegionCopy& operator=(const RegionCopy&) = delete;

  // The mapped region.
  const Mapping& Memory() const { return *mapping_; }

  /*
   * Publishes what this side wrote into `copy` since the last time (frames, positions, declarations),
   * and fetches what the peer published. `copy` has the region's size. Returns whether the peer's doorbell
   * must be rung; a peer that sleeps on a futex is woken here.
   */
  bool Exchange(std::uint8_t* copy);

 private:
  // Where one side's words and its outgoing ring are, as byte offsets.
  struct SideLayout {
    std::uint32_t tail;
    std::uint32_t head;
    std::uint32_t closed;
    std::uint32_t sleep;
    std::uint32_t waits_for_room;
    std::uint32_t ring_start;
  };

  // How far one ring was copied: free-running position, and its place inside the ring.
  struct Progress {
    std::uint32_t position = 0;
    std::uint32_t offset = 0;
  };

  static SideLayout LayoutOf(RegionSide side, std::uint32_t capacity);

  // Copies the bytes of a ring from `progress` up to `position`; false where that is more than a ring.
  static bool CopyRing(std::uint8_t* to, const std::uint8_t* from, std::uint32_t capacity,
                       std::uint32_t position, Progress* progress);

  // Turns the peer's declaration that it sleeps back; true where its doorbell must be rung.
  bool WakePeer(const SideLayout& peer);

  const RegionSide side_;
  const std::shared_ptr<const Mapping> mapping_;
  Progress sent_;
  Progress received_;
  std::uint32_t published_head_ = 0;
};

}  // namespace entropynet

#endif  // ENTROPYNET_REGION_COPY_H_
