// Runs a fuzzer if the compiler has no libFuzzer: the inputs of the corpus, then random changes of them for a
// number of seconds. Usage: fuzzer [corpus folder] [seconds] [seed]

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <dirent.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

std::vector<Input> ReadCorpus(const std::string& folder) {
  std::vector<Input> inputs;
  DIR* directory = ::opendir(folder.c_str());
  if (directory == nullptr) return inputs;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_type != DT_REG) continue;
    std::ifstream file(folder + "/" + entry->d_name, std::ios::binary);
    if (file.good())
      inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  ::closedir(directory);
  return inputs;
}

Input Change(Input input, std::mt19937* random) {
  const std::uint32_t changes = 1 + (*random)() % 8;
  for (std::uint32_t change = 0; change < changes; change++) {
    const std::uint32_t kind = (*random)() % 4;
    const std::size_t at = input.empty() ? 0 : (*random)() % input.size();
    const auto byte = static_cast<std::uint8_t>((*random)());
    if (kind == 0 || input.empty())
      input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), byte);
    else if (kind == 1)
      input[at] = byte;
    else if (kind == 2)
      input[at] = static_cast<std::uint8_t>(input[at] ^ (1u << byte % 8));
    else
      input.erase(input.begin() + static_cast<std::ptrdiff_t>(at));
  }
  if (input.size() > 4096) input.resize(4096);
  return input;
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<Input> inputs = ReadCorpus(count > 1 ? arguments[1] : "");
  const int seconds = count > 2 ? std::atoi(arguments[2]) : 1;
  std::mt19937 random(count > 3 ? static_cast<std::uint32_t>(std::atoi(arguments[3])) : 1);
  for (const Input& input : inputs) LLVMFuzzerTestOneInput(input.data(), input.size());
  if (inputs.empty()) inputs.emplace_back(64);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  std::uint64_t runs = 0;
  Input input = inputs.front();
  for (; std::chrono::steady_clock::now() < end; runs++) {
    // Sometimes starts from the corpus again, otherwise changes the last input further.
    if (random() % 64 == 0) input = inputs[random() % inputs.size()];
    input = Change(input, &random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%llu inputs\n", static_cast<unsigned long long>(runs));
  return 0;
}
