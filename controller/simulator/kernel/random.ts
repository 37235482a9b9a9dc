// Random numbers from a seed, so that a run can be repeated to the last request. A run has several streams, forked by
// name: changing what one part draws leaves the others as they were (common random numbers).

const GOLDEN = 0x9e3779b9;

export class Random {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  #spareNormal: number | undefined;

  constructor(seed: number) {
    this.#seed = seed >>> 0;
    this.#a = mix(this.#seed);
    this.#b = mix(this.#a + GOLDEN);
    this.#c = mix(this.#b + GOLDEN);
    for (let n = 0; n < 12; n++) this.next();
  }

  /** Another stream of the same seed; the same name gives the same stream. */
  fork(name: string): Random {
    let hash = this.#seed;
    for (let n = 0; n < name.length; n++) hash = mix(hash ^ name.charCodeAt(n));
    return new Random(hash);
  }

  /** Uniform, 0 to below 1 (sfc32). */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return (sum >>> 0) / 4_294_967_296;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  normal(): number {
    const spare = this.#spareNormal;
    if (spare !== undefined) {
      this.#spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    const angle = 2 * Math.PI * this.next();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Mean 1, of so large a relative standard deviation. */
  logNormal(relativeDeviation: number): number {
    if (relativeDeviation === 0) return 1;
    const variance = Math.log(1 + relativeDeviation ** 2);
    return Math.exp(Math.sqrt(variance) * this.normal() - variance / 2);
  }

  /** Mean `shape`, by Marsaglia and Tsang. */
  gamma(shape: number): number {
    if (shape < 1) return this.gamma(shape + 1) * (1 - this.next()) ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v > 0 && Math.log(1 - this.next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  }
}

/** Spreads the bits of a 32-bit number (splitmix32). */
function mix(value: number): number {
  let mixed = (value + GOLDEN) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
