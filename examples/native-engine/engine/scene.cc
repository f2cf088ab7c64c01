#include "scene.h"

#include <cmath>

namespace engine {

Scene::Scene(std::uint32_t objects)
    : values_(std::size_t{objects} * kProperties), versions_(std::size_t{objects} * kProperties, 1) {
  for (std::size_t object = 0; object < objects; object++) values_[object * kProperties + kOpacity] = 1;
  Step(0);
}

void Scene::Step(double seconds) {
  time_ += seconds;
  const std::size_t objects = values_.size() / kProperties;
  for (std::size_t object = 0; object < objects; object++) {
    const std::size_t first = object * kProperties;
    const double angle = time_ + static_cast<double>(object) * 0.01;
    Set(first + kX, 100 * std::cos(angle));
    Set(first + kY, 100 * std::sin(angle));
    Set(first + kAngle, angle);
  }
}

bool Scene::Apply(const Update& update) {
  if (update.property >= kProperties || !std::isfinite(update.value)) return false;
  const std::size_t index = std::size_t{update.object} * kProperties + update.property;
  if (index >= values_.size()) return false;
  Set(index, update.value);
  return true;
}

}  // namespace engine
