// A child process of the load tests that is asked one thing at a time over IPC: both ends.
//
// 1. The child ends when it is disposed of, and when its parent is gone (its IPC channel closes).

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

type Envelope<Answer> = { readonly answer: Answer } | { readonly error: string };

/** The parent's end. */
export class Child<Question extends object, Answer> implements AsyncDisposable {
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
  }

  /** Starts the program at `path`, which calls `answerParent`. */
  static async start<Question extends object, Answer>(path: URL): Promise<Child<Question, Answer>> {
    const child = fork(path, { serialization: "advanced" });
    await once(child, "spawn");
    return new Child(child);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Rejects with the child's error, and when the child ends before it answers. */
  async ask(question: Question): Promise<Answer> {
    const settled = new AbortController();
    try {
      const { signal } = settled;
      const answered = once(this.#process, "message", { signal });
      const ended = once(this.#process, "exit", { signal });
      // Whichever loses is aborted below; its rejection has no one to hear it.
      for (const loser of [answered, ended]) loser.catch(() => undefined);
      this.#process.send(question);
      const first = await Promise.race([answered, ended.then(() => undefined)]);
      if (first === undefined) throw new Error(`Cannot get an answer: process ${this.pid} ended`);
      const envelope = first[0] as Envelope<Answer>;
      if ("error" in envelope) throw new Error(envelope.error);
      return envelope.answer;
    } finally {
      settled.abort();
    }
  }

  /** Invariant 1. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }
}

/** The child's end: answers every question of the parent with `answer`, until the parent is gone. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- pairs with `Child<Question, Answer>`
export function answerParent<Question extends object, Answer>(
  answer: (question: Question) => Promise<Answer>,
): void {
  const reply = async (question: unknown): Promise<Envelope<Answer>> => {
    try {
      return { answer: await answer(question as Question) };
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  };
  process.on("message", (question) => {
    void reply(question).then((envelope) => process.send?.(envelope));
  });
  process.on("disconnect", () => process.exit(0));
}
