// Seeded random numbers, so that a benchmark's models and inputs are the same in every run.

export interface Random {
  /** The next number in [0, 1). */
  uniform(): number;
  /** The next number of the normal distribution with mean 0 and deviation 1. */
  normal(): number;
}

/** A generator (mulberry32) that gives the same numbers for the same seed; not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  function uniform(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  return {
    uniform,
    // Box and Muller; 1 - u keeps the logarithm's argument above zero.
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  };
}

/** `count` numbers of the normal distribution with the given deviation. */
export function normals(random: Random, count: number, deviation: number): Float32Array {
  return Float32Array.from({ length: count }, () => random.normal() * deviation);
}
