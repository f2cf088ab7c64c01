/*
 * Loaded before the program: old libraries add enumerable things to the prototypes of everything.
 */
for (const prototype of [Object.prototype, Array.prototype, Function.prototype]) {
  Object.assign(prototype, { extendedBy: () => 'an old library' });
}
