// How much runs at a time in a replica that several gateways send to: none of them knows what the others have sent.
//
// 1. First come, first served; nobody overtakes one that waits.
// 2. A gateway alone keeps the bound itself, asks for no turn, and costs nothing here.

interface Waiting {
  readonly atOnce: number;
  readonly start: () => void;
}

export class Turns {
  #running = 0;
  readonly #waiting: Waiting[] = [];

  /** Resolves when fewer than `atOnce` run and it is this one's turn. Whoever asks ends what it is given. */
  async take(atOnce: number): Promise<Disposable> {
    if (this.#waiting.length > 0 || this.#running >= atOnce) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push({ atOnce, start: resolve });
      await promise;
    } else this.#running++;
    let over = false;
    return {
      [Symbol.dispose]: () => {
        if (over) return;
        over = true;
        this.#running--;
        this.#next();
      },
    };
  }

  #next(): void {
    const [head] = this.#waiting;
    if (head === undefined || this.#running >= head.atOnce) return;
    this.#waiting.shift();
    this.#running++;
    head.start();
    this.#next();
  }
}
