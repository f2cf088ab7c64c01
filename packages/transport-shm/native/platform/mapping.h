#ifndef ENTROPYNET_PLATFORM_MAPPING_H_
#define ENTROPYNET_PLATFORM_MAPPING_H_

#include <cstddef>
#include <cstdint>

#include "descriptor.h"
#include "status.h"

namespace entropynet {

/*
 * Makes a nameless shared-memory object of `byte_length` zero bytes. No process can change its size any more.
 * `created` owns it. The memory lives as long as a descriptor or a mapping of it.
 */
Status CreateSharedMemory(std::size_t byte_length, OwnedDescriptor* created);

/*
 * Allocates every page of `descriptor` (borrowed) now, so that a lack of memory is this error and not a
 * signal at the first access. Does nothing on systems that allocate memory when the object is made.
 */
Status Preallocate(Descriptor descriptor, std::size_t byte_length);

// Returns whether `descriptor` is memory: reading its status or size and closing it never wait for another
// process.
bool IsMemory(Descriptor descriptor);

/*
 * Checks, without mapping it, that `descriptor` (borrowed) is shared memory of exactly `byte_length` bytes
 * with a permanent size, because a peer that could shrink it could kill this process with SIGBUS.
 * kErrorUnsealed: its size could change. kErrorSizeMismatch: `actual_length` is its real size in bytes.
 */
Status CheckSharedMemory(Descriptor descriptor, std::size_t byte_length, std::uint64_t* actual_length);

// The one owner of a mapped range of shared memory. It unmaps the range when it is destroyed.
class Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { Unmap(); }

  /*
   * Maps the first `byte_length` bytes of `descriptor` (borrowed, may be closed afterwards) for reading and
   * writing. Only for a Mapping that maps nothing yet.
   */
  Status Map(Descriptor descriptor, std::size_t byte_length);

  /*
   * Returns the shared memory to the system and keeps the addresses. Later reads there give zeros, and later
   * writes change private memory. On systems that can't do that, the shared memory stays until Unmap. If the
   * system has no memory for it, the addresses may only stay reserved, and an access ends the process.
   */
  void Withdraw();

  // Unmaps. Does nothing if nothing is mapped. No thread may access the memory any more.
  void Unmap();

  bool IsMapped() const { return data_ != nullptr; }
  void* Data() const { return data_; }
  std::size_t ByteLength() const { return byte_length_; }

 private:
  void* data_ = nullptr;
  std::size_t byte_length_ = 0;
};

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_MAPPING_H_
