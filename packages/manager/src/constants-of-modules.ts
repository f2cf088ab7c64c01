import type { TransportBinding, TransportModule } from '@entropynet/core';

/** An identifier and the value that a module bound to it. */
export type Constant = readonly [identifier: symbol, value: unknown];

/**
 * Loads modules that are plain objects and bind constants, up to the first other one. Returns their constants, and the
 * modules that only a container can load. Rejects with the error of a module.
 */
export async function constantsOf(
  modules: readonly TransportModule[],
): Promise<{ readonly constants: Constant[]; readonly rest: readonly TransportModule[] }> {
  const constants: Constant[] = [];
  for (const [index, module] of modules.entries()) {
    // A `ContainerModule` of inversify is an object of a class.
    const isPlain = Object.getPrototypeOf(module) === Object.prototype;
    const own = isPlain ? await constantsOfModule(module) : undefined;
    if (own === undefined) return { constants, rest: modules.slice(index) };
    constants.push(...own);
  }
  return { constants, rest: [] };
}

/** Loads a module and returns its constants. Undefined if it uses any other part of a container. */
export async function constantsOfModule(module: TransportModule): Promise<Constant[] | undefined> {
  const constants: Constant[] = [];
  let needsContainer = false;
  const refuse = (): never => {
    needsContainer = true;
    throw new TypeError('only a container can do that');
  };
  const bind = <T>(identifier: symbol): TransportBinding<T> => {
    // A class or a text also identifies something for inversify.
    if (typeof identifier !== 'symbol') refuse();
    const toConstantValue = (value: T): unknown => {
      constants.push([identifier, value]);
      return refusingAllBut({}, refuse);
    };
    return refusingAllBut({ toConstantValue }, refuse);
  };
  try {
    await module.load(refusingAllBut({ bind }, refuse));
  } catch (error) {
    // The module may have caught the refusal, and thrown another error.
    if (!needsContainer) throw error;
  }
  return needsContainer ? undefined : constants;
}

/** Returns an object with these members, which refuses each other one. An `await` may ask it whether it is a promise. */
function refusingAllBut<T extends object>(members: T, refuse: () => never): T {
  return new Proxy(members, {
    get: (target, name) => (Object.hasOwn(target, name) || name === 'then' ? Reflect.get(target, name) : refuse()),
  });
}
