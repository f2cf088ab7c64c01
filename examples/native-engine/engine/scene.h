// The objects of the engine, and the update that says what one of their properties is now.
#ifndef ENGINE_SCENE_H
#define ENGINE_SCENE_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace engine {

// The message of both directions: 16 bytes, in the byte order of the machine that both processes run on.
struct Update {
  std::uint32_t object;
  std::uint32_t property;
  double value;
};
static_assert(sizeof(Update) == 16, "both sides know the layout");

// The properties of an object, and the mark that ends a frame: its object is the frame's number, its value
// the milliseconds that the frame took to compute.
enum : std::uint32_t { kX = 0, kY = 1, kAngle = 2, kOpacity = 3, kProperties = 4, kEndOfFrame = 0xffffffff };

// Thousands of objects that move, and for each editor what it does not know yet.
class Scene {
 public:
  explicit Scene(std::uint32_t objects);

  // Moves every object by one frame.
  void Step(double seconds);
  // Takes a change of an editor. False: there is no such object or property, or the value is no number.
  bool Apply(const Update& update);

  [[nodiscard]] std::size_t Size() const { return values_.size(); }
  // The update of one value, from 0 to Size().
  [[nodiscard]] Update Get(std::size_t index) const {
    return {static_cast<std::uint32_t>(index / kProperties), static_cast<std::uint32_t>(index % kProperties),
            values_[index]};
  }
  // How often a value has changed.
  [[nodiscard]] std::uint32_t Version(std::size_t index) const { return versions_[index]; }

 private:
  void Set(std::size_t index, double value) {
    if (values_[index] == value) return;
    values_[index] = value;
    versions_[index]++;
  }

  std::vector<double> values_;
  std::vector<std::uint32_t> versions_;
  double time_ = 0;
};

}  // namespace engine

#endif
