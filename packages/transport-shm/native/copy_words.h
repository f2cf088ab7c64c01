#ifndef ENTROPYNET_COPY_WORDS_H_
#define ENTROPYNET_COPY_WORDS_H_

#include <cstdint>
#include <cstring>

namespace entropynet {

// Reads a word of a region's copy, which only its owner's thread touches. `byte_offset` need not be aligned.
inline std::uint32_t GetWord(const std::uint8_t* copy, std::uint32_t byte_offset) {
  std::uint32_t value;
  std::memcpy(&value, copy + byte_offset, sizeof value);
  return value;
}

inline void SetWord(std::uint8_t* copy, std::uint32_t byte_offset, std::uint32_t value) {
  std::memcpy(copy + byte_offset, &value, sizeof value);
}

}  // namespace entropynet

#endif  // ENTROPYNET_COPY_WORDS_H_
