// What the examples run in workers: plain functions and classes, exported.

import { Runtime } from "shoal/core";

/** Counts the primes below `limit`, slowly. */
export function countPrimes(limit: number): number {
  let count = 0;
  for (let n = 2; n < limit; n++) {
    let prime = true;
    for (let divisor = 2; divisor * divisor <= n && prime; divisor++) prime = n % divisor !== 0;
    if (prime) count++;
  }
  return count;
}

/** Sums a part of an array that every worker sees without copying it. */
export function sumPart(numbers: Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let index = from; index < to; index++) sum += numbers[index] ?? 0;
  return sum;
}

/** Words one after the other; runs no further ahead of its reader than it may. */
export async function* words(text: string): AsyncGenerator<string> {
  for (const word of text.split(" ")) yield word;
}

/** Splits its work among tasks of its own and waits for them; its CPU is lent meanwhile. */
export async function countPrimesIn(limits: readonly number[]): Promise<number> {
  const runtime = Runtime.current();
  const work = runtime.tasks<typeof import("./work.ts")>(new URL(import.meta.url));
  const counts = await runtime.get(limits.map((limit) => work.countPrimes(limit)));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** A worker with state: it counts what it was given. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(word: string): number {
    const count = (this.#counts.get(word) ?? 0) + 1;
    this.#counts.set(word, count);
    return count;
  }

  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}

export const clean = (text: string): string => text.toLowerCase();
export const countWords = (text: string): number => text.split(" ").length;
export const countWord = (text: string, word: string): number =>
  text.split(" ").filter((each) => each === word).length;

/** Adds its number to each that comes by. */
export class Adder {
  readonly #number: number;

  constructor(number: number) {
    this.#number = number;
  }

  add(n: number): number {
    return n + this.#number;
  }
}
