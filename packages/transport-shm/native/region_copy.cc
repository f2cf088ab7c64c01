#include "region_copy.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "copy_words.h"
#include "platform/futex.h"
#include "region_layout.h"

namespace entropynet {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t) &&
                  std::atomic<std::uint32_t>::is_always_lock_free,
              "a word of the region is an atomic as it stands");

std::atomic<std::uint32_t>& SharedWordAt(void* region, std::uint32_t byte_offset) {
  return *reinterpret_cast<std::atomic<std::uint32_t>*>(static_cast<std::uint8_t*>(region) + byte_offset);
}

}  // namespace

RegionCopy::SideLayout RegionCopy::LayoutOf(RegionSide side, std::uint32_t capacity) {
  if (side == RegionSide::kServer) {
    return {kServerTailOffset,  kServerHeadOffset,         kServerClosedOffset,
            kServerSleepOffset, kServerWaitsForRoomOffset, kControlBlockBytes};
  }
  return {kClientTailOffset,  kClientHeadOffset,         kClientClosedOffset,
          kClientSleepOffset, kClientWaitsForRoomOffset, kControlBlockBytes + capacity};
}

bool RegionCopy::CopyRing(std::uint8_t* to, const std::uint8_t* from, std::uint32_t capacity,
                          std::uint32_t position, Progress* progress) {
  const std::uint32_t length = position - progress->position;
  if (length > capacity) return false;
  const std::uint32_t first = std::min(length, capacity - progress->offset);
  std::memcpy(to + progress->offset, from + progress->offset, first);
  std::memcpy(to, from, length - first);
  progress->position = position;
  progress->offset = length == first ? progress->offset + length : length - first;
  if (progress->offset == capacity) progress->offset = 0;
  return true;
}

bool RegionCopy::Exchange(std::uint8_t* copy) {
  auto* region = static_cast<std::uint8_t*>(mapping_->Data());
  const std::uint32_t capacity = RingCapacityOf(mapping_->ByteLength());
  const SideLayout own = LayoutOf(side_, capacity);
  const SideLayout peer =
      LayoutOf(side_ == RegionSide::kServer ? RegionSide::kClient : RegionSide::kServer, capacity);

  const std::uint32_t own_tail = GetWord(copy, own.tail);
  const bool has_sent = own_tail != sent_.position &&
                        CopyRing(region + own.ring_start, copy + own.ring_start, capacity, own_tail, &sent_);
  // SYNC POINT(ring-tail): after the bytes, as in RingWriter.publishTail.
  if (has_sent) SharedWordAt(region, own.tail).store(own_tail);
  const std::uint32_t own_head = GetWord(copy, own.head);
  const bool has_read = own_head != published_head_;
  published_head_ = own_head;
  // SYNC POINT(room): the head before the peer's declaration is looked at, as in RingReader.#publishHead.
  if (has_read) SharedWordAt(region, own.head).store(own_head);
  SharedWordAt(region, own.closed).store(GetWord(copy, own.closed));

  // SYNC POINT(sleep, room): this side's declarations before what they are about is looked at again. Stored
  // each time, because the peer may have turned back one that still holds: at worst it wakes us once more.
  SharedWordAt(region, own.sleep).store(GetWord(copy, own.sleep));
  SharedWordAt(region, own.waits_for_room).store(GetWord(copy, own.waits_for_room));

  // Each of the peer's words is read once. An impossible tail is passed on without its bytes, and the ring's
  // reader reports it.
  const std::uint32_t peer_tail = SharedWordAt(region, peer.tail).load();
  if (peer_tail != received_.position) {
    CopyRing(copy + peer.ring_start, region + peer.ring_start, capacity, peer_tail, &received_);
    SetWord(copy, peer.tail, peer_tail);
  }
  SetWord(copy, peer.head, SharedWordAt(region, peer.head).load());
  SetWord(copy, peer.closed, SharedWordAt(region, peer.closed).load());

  bool must_ring = false;
  if (has_sent && SharedWordAt(region, peer.sleep).load() != kAwake) must_ring = WakePeer(peer);
  if (has_read && SharedWordAt(region, peer.waits_for_room).load() != 0 &&
      peer_tail - own_head <= capacity / 2 && SharedWordAt(region, peer.waits_for_room).exchange(0) != 0) {
    // A peer that sleeps on a futex needs no doorbell. An awake one may be about to sleep on its doorbell.
    if (SharedWordAt(region, peer.sleep).load() != kSleepsOnFutex) must_ring = true;
    if (WakePeer(peer)) must_ring = true;
  }
  return must_ring;
}

bool RegionCopy::WakePeer(const SideLayout& peer) {
  std::uint32_t declaration = SharedWordAt(mapping_->Data(), peer.sleep).exchange(kAwake);
  if (declaration != kSleepsOnFutex) return declaration != kAwake;
  int woken = 0;
  const SharedWord word = {static_cast<std::uint8_t*>(mapping_->Data()), mapping_->ByteLength(), peer.sleep};
  // A wake can only fail for an address that is not mapped.
  static_cast<void>(WakeWord(word, &woken));
  return false;
}

}  // namespace entropynet
