/*
 * Loaded before the program: old libraries add enumerable properties to all prototypes.
 */
for (const prototype of [Object.prototype, Array.prototype, Function.prototype]) {
  Object.assign(prototype, { extendedBy: () => 'an old library' });
}
