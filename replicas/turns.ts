// How much runs at a time in a replica that several gateways send to: none of them knows what the others have sent.
//
// 1. First come, first served; nobody overtakes one that waits.
// 2. A gateway alone keeps the bound itself, asks for no turn, and costs nothing here.
// 3. What is larger than the bound runs alone: nothing waits for ever.

/** What may run at a time. */
export interface AtOnce {
  readonly batches: number;
  readonly requests: number;
}

interface Turn {
  readonly atOnce: AtOnce;
  readonly requests: number;
}

export class Turns {
  #batches = 0;
  #requests = 0;
  readonly #waiting: (Turn & { readonly start: () => void })[] = [];

  /** Resolves when a batch of so many requests may run and it is its turn. Whoever asks ends what it is given. */
  async take(atOnce: AtOnce, requests: number): Promise<Disposable> {
    const turn = { atOnce, requests };
    if (this.#waiting.length > 0 || !this.#mayRun(turn)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push({ ...turn, start: resolve });
      await promise;
    } else this.#begin(turn);
    let over = false;
    return {
      [Symbol.dispose]: () => {
        if (over) return;
        over = true;
        this.#batches--;
        this.#requests -= requests;
        this.#next();
      },
    };
  }

  #mayRun({ atOnce, requests }: Turn): boolean {
    if (this.#batches === 0) return true; // invariant 3
    return this.#batches < atOnce.batches && this.#requests + requests <= atOnce.requests;
  }

  #begin({ requests }: Turn): void {
    this.#batches++;
    this.#requests += requests;
  }

  #next(): void {
    const [head] = this.#waiting;
    if (head === undefined || !this.#mayRun(head)) return;
    this.#waiting.shift();
    this.#begin(head);
    head.start();
    this.#next();
  }
}
