// A word-level trigram model with back-off: counts what followed each word and each pair of words in a text,
// and continues a prompt by drawing from those counts. It stands in for a language model: it makes one word
// at a time, and every word depends on the last two.

/** Words that followed one context, and how often. */
interface Followers {
  total: number;
  readonly counts: Map<string, number>;
}

/** Numbers in [0, 1). */
export type Draw = () => number;

/** The last words of a prompt: all that the model looks at. */
export type Context = readonly string[];

export const CONTEXT_WORDS = 2;

export class Trigrams {
  /** By the last two words, by the last word, by nothing: the key is the words in lower case. */
  readonly #followers = new Map<string, Followers>();

  /** Learns from a text; words keep the punctuation they carry. */
  static learn(text: string): Trigrams {
    const model = new Trigrams();
    const words = wordsOf(text);
    words.forEach((word, index) => {
      for (let length = 0; length <= Math.min(CONTEXT_WORDS, index); length++) {
        model.#count(words.slice(index - length, index), word);
      }
    });
    return model;
  }

  /**
   * A next word. Behind a pair of words seen N times with T different followers, the share N/(N+T) is drawn
   * from those and the rest backs off to what followed the last word alone (Witten and Bell 1991, method C);
   * behind a word never seen, any word of the text is as good as its count.
   */
  next(context: Context, draw: Draw): string {
    for (let length = Math.min(CONTEXT_WORDS, context.length); length > 0; length--) {
      const followers = this.#followers.get(keyOf(context.slice(-length)));
      if (followers === undefined) continue;
      const { total, counts } = followers;
      if (length === 1 || draw() < total / (total + counts.size)) return pick(followers, draw);
    }
    const any = this.#followers.get("");
    return any === undefined ? "" : pick(any, draw);
  }

  #count(context: Context, word: string): void {
    const key = keyOf(context);
    const followers = this.#followers.get(key) ?? { total: 0, counts: new Map<string, number>() };
    followers.total++;
    followers.counts.set(word, (followers.counts.get(word) ?? 0) + 1);
    this.#followers.set(key, followers);
  }
}

/** The words of a text, split at white space. */
export function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/** A seeded source of numbers (mulberry32): the same seed gives the same words. */
export function seeded(seed: number): Draw {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function keyOf(context: Context): string {
  return context.join(" ").toLowerCase();
}

function pick({ total, counts }: Followers, draw: Draw): string {
  let rest = draw() * total;
  let last = "";
  for (const [word, count] of counts) {
    last = word;
    rest -= count;
    if (rest < 0) break;
  }
  return last;
}
