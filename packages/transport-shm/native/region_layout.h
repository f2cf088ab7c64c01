#ifndef ENTROPYNET_REGION_LAYOUT_H_
#define ENTROPYNET_REGION_LAYOUT_H_

#include <cstddef>
#include <cstdint>

/*
 * The control block at the start of every region. All words are 32-bit little-endian; offsets are in
 * bytes. Each 64-byte line has one writer, so that no side's store takes the line away from the other
 * side's; line 3 is written only around a sleep, by both.
 *
 *        0          4          8          12         16                              32         36
 * line 0 +----------+----------+----------+----------+-------------------------------+----------+----------+
 *  server| magic    | version  | region   | ring     | identity (16 random bytes)    | server   | client   |
 *   once |          |          | bytes    | capacity |                               | process  | process  |
 *        64         68         72
 * line 1 +----------+----------+----------+
 *  server| server   | server   | server   |   server tail: end of the server -> client ring
 *        | tail     | head     | closed   |   server head: start of the client -> server ring
 *        80 server's library, 20 bytes
 *        128        132        136
 * line 2 +----------+----------+----------+
 *  client| client   | client   | client   |   client tail: end of the client -> server ring
 *        | tail     | head     | closed   |   client head: start of the server -> client ring
 *        144 client's library, 20 bytes
 *        192        196        200        204
 * line 3 +----------+----------+----------+----------+
 *   both | server   | server   | client   | client   |
 *        | sleep    | waits for| sleep    | waits for|
 *        |          | room     |          | room     |
 *        256
 *        +-- server -> client ring -------+-- client -> server ring -------+
 *
 * The TypeScript side has the same constants; a test compares both through the addon's `layout`.
 */
namespace entropynet {

// Line 0: the server writes it once, before it passes the region to the client.
constexpr std::uint32_t kMagicOffset = 0;
constexpr std::uint32_t kLayoutVersionOffset = 4;
constexpr std::uint32_t kRegionBytesOffset = 8;
constexpr std::uint32_t kRingCapacityOffset = 12;
constexpr std::uint32_t kIdentityOffset = 16;
constexpr std::uint32_t kIdentityBytes = 16;
constexpr std::uint32_t kServerProcessIdOffset = 32;
constexpr std::uint32_t kClientProcessIdOffset = 36;
// Milliseconds since the epoch, 64 bits, for people.
constexpr std::uint32_t kMadeAtOffset = 40;

// Line 1: shared memory, the server writes.
constexpr std::uint32_t kServerTailOffset = 64;
constexpr std::uint32_t kServerHeadOffset = 68;
constexpr std::uint32_t kServerClosedOffset = 72;
constexpr std::uint32_t kServerLibraryOffset = 80;

// Line 2: shared memory, the client writes.
constexpr std::uint32_t kClientTailOffset = 128;
constexpr std::uint32_t kClientHeadOffset = 132;
constexpr std::uint32_t kClientClosedOffset = 136;
constexpr std::uint32_t kClientLibraryOffset = 144;

// Up to 20 printable characters of ASCII, filled up with zeros.
constexpr std::uint32_t kLibraryBytes = 20;

// Line 3: shared memory, both write, only around a sleep.
constexpr std::uint32_t kServerSleepOffset = 192;
constexpr std::uint32_t kServerWaitsForRoomOffset = 196;
constexpr std::uint32_t kClientSleepOffset = 200;
constexpr std::uint32_t kClientWaitsForRoomOffset = 204;

constexpr std::uint32_t kControlBlockBytes = 256;

// The control block has a region's size as a 32-bit word.
constexpr std::uint32_t kMaxRegionBytes = 0xFFFFFFFF;

constexpr std::uint32_t kMagic = 0x4E504E45;
constexpr std::uint32_t kLayoutVersion = 1;

// Values of the two sleep words.
constexpr std::uint32_t kAwake = 0;
constexpr std::uint32_t kSleepsOnDoorbell = 1;
constexpr std::uint32_t kSleepsOnFutex = 2;

constexpr std::uint32_t kFrameHeaderBytes = 8;
constexpr std::uint32_t kFrameAlignment = 8;

// This value in place of a frame's length means that the rest of the ring up to its end is padding.
constexpr std::uint32_t kPaddingLength = 0xFFFFFFFF;

// Returns the bytes of each ring in a region of `region_bytes`: half of the bytes after the control block.
constexpr std::uint32_t RingCapacityOf(std::size_t region_bytes) {
  const auto half = static_cast<std::uint32_t>((region_bytes - kControlBlockBytes) / 2);
  return half / kFrameAlignment * kFrameAlignment;
}

}  // namespace entropynet

#endif  // ENTROPYNET_REGION_LAYOUT_H_
