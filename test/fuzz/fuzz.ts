import fc from 'fast-check';

/** The time for each property, which `npm run fuzz` sets instead of a number of inputs. */
const SECONDS = Number(process.env['ENTROPYNET_FUZZ_SECONDS'] ?? 0);
const SEED = process.env['ENTROPYNET_FUZZ_SEED'];

/** The number of inputs in the test run. */
const RUNS = 300;

/** A property that must hold for every input; `npm run fuzz` tries it for longer. */
export function fuzz<T>(title: string, input: fc.Arbitrary<T>, property: (value: T) => void | Promise<void>): void {
  it(title, async () => {
    let inputs = 0;
    const counted = async (value: T): Promise<void> => {
      inputs += 1;
      await property(value);
    };
    const limits =
      SECONDS === 0
        ? { numRuns: RUNS }
        : { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: SECONDS * 1000, maxSkipsPerRun: 0 };
    await fc.assert(fc.asyncProperty(input, counted), {
      ...limits,
      ...(SEED !== undefined && { seed: Number(SEED) }),
      endOnFailure: true,
    });
    if (SECONDS > 0) process.stdout.write(`      (${inputs} inputs)\n`);
  });
}

/** A 32-bit word, impossible and ordinary ones alike. */
export const word = fc.oneof(
  fc.nat({ max: 0xffff_ffff }),
  fc.nat({ max: 300 }),
  fc.constantFrom(0, 1, 7, 8, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff),
);
