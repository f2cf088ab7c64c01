#ifndef ENTROPYNET_PLATFORM_MAPPING_H_
#define ENTROPYNET_PLATFORM_MAPPING_H_

#include <cstddef>
#include <cstdint>

#include "descriptor.h"
#include "status.h"

namespace entropynet {

/*
 * Makes a nameless shared-memory object of `byte_length` zero bytes whose size nobody can change any
 * more. `created` owns it; the memory lives as long as a descriptor or a mapping of it does.
 */
Status CreateSharedMemory(std::size_t byte_length, OwnedDescriptor* created);

/*
 * Gives every page of `descriptor` (borrowed) its memory now, so that a lack of it is this error and not a
 * signal at the first touch. Does nothing where the system commits memory when it is made.
 */
Status Preallocate(Descriptor descriptor, std::size_t byte_length);

// Whether `descriptor` is memory: looking at it, reading its size and closing it never wait for anybody.
bool IsMemory(Descriptor descriptor);

/*
 * Checks, without mapping it, that `descriptor` (borrowed) is shared memory of exactly `byte_length`
 * bytes whose size is fixed for good: a peer that could shrink it could kill this process with SIGBUS.
 * kErrorUnsealed: its size could change. kErrorSizeMismatch: `actual_length` (bytes) says its real size.
 */
Status CheckSharedMemory(Descriptor descriptor, std::size_t byte_length, std::uint64_t* actual_length);

// The one owner of a mapped range of shared memory: unmaps it when destroyed.
class Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { Unmap(); }

  /*
   * Maps the first `byte_length` bytes of `descriptor` (borrowed, may be closed afterwards) for reading
   * and writing. Only for a Mapping that maps nothing yet.
   */
  Status Map(Descriptor descriptor, std::size_t byte_length);

  /*
   * Gives the shared memory back and keeps the addresses: what still reads there finds zeros, and what still
   * writes there reaches private memory that nobody else sees. Where the system can't do that, the shared
   * memory stays until Unmap.
   */
  void Withdraw();

  // Unmaps; does nothing when nothing is mapped. Nobody may touch the memory any more.
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
