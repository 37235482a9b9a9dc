// The other end of the store's thread: questions out, answers back.
//
// 1. The caller's event loop never waits for a disk: sqlite is synchronous, so it has a thread of its own.
// 2. Questions are answered in the order they were asked, or refused once the thread is gone; none is left open.
// 3. So many questions may be open, no more: a disk that hangs does not fill the memory.

import { Worker } from "node:worker_threads";
import { messageOf, ShoalError } from "../../base/index.ts";
import type { Answer, AnswerTo, Question, Reply, StoreOptions } from "./protocol.ts";

const ENTRY = import.meta.url.endsWith(".ts")
  ? new URL("./store-thread-main.ts", import.meta.url)
  : new URL("./store-thread-main.js", import.meta.url);
const MAX_OPEN = 1_000;

interface Asker {
  answered(answer: Answer): void;
  failed(error: ShoalError): void;
}

type State =
  | { readonly kind: "open" }
  | { readonly kind: "closing"; readonly closed: Promise<void> }
  /** The thread ended without being asked to. */
  | { readonly kind: "lost"; readonly reason: string };

export class StoreThread {
  readonly #worker: Worker;
  readonly #askers = new Map<number, Asker>();
  readonly #ended: Promise<void>;
  #state: State = { kind: "open" };
  #lastId = 0;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on("message", (reply: Reply) => this.#receive(reply));
    worker.on("error", (error: unknown) => this.#lose(messageOf(error)));
    this.#ended = new Promise((resolve) => {
      worker.once("exit", (code) => {
        this.#lose(`its thread ended with ${code}`);
        resolve();
      });
    });
  }

  /** Resolves once the thread is gone, asked to or not. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Throws what opening the file throws. */
  static async start(options: StoreOptions): Promise<StoreThread> {
    const worker = new Worker(ENTRY, { workerData: options, name: "shoal-store", execArgv: [] });
    const thread = new StoreThread(worker);
    try {
      await new Promise<Answer>((answered, failed) => thread.#askers.set(0, { answered, failed }));
    } catch (error) {
      await thread.#ended;
      throw error;
    }
    return thread;
  }

  async ask<Kind extends Question["kind"]>(
    question: Question & { readonly kind: Kind },
  ): Promise<AnswerTo<Kind>> {
    if (this.#state.kind === "closing") throw unavailable("it is closed");
    const answer = await this.#send(question);
    if (!isAnswerTo(answer, question.kind))
      throw unavailable(`it answered ${answer.kind} to ${question.kind}`);
    return answer;
  }

  /** What was asked before is still answered. The same promise every time. */
  close(): Promise<void> {
    if (this.#state.kind === "closing") return this.#state.closed;
    const closed = this.#close();
    this.#state = { kind: "closing", closed };
    return closed;
  }

  async #close(): Promise<void> {
    // A thread that is lost has nothing left to let go of: the system took its lock back.
    if (this.#state.kind === "open") await this.#send({ kind: "close" });
    await this.#ended;
  }

  #send(question: Question): Promise<Answer> {
    return new Promise((answered, failed) => {
      if (this.#state.kind === "lost") throw unavailable(this.#state.reason); // invariant 2
      // Invariant 3.
      if (this.#askers.size >= MAX_OPEN && question.kind !== "close") {
        throw new ShoalError("OVERLOADED", `Cannot ask the store: ${MAX_OPEN} questions are open already`);
      }
      const id = ++this.#lastId;
      this.#worker.postMessage({ id, question }, []);
      this.#askers.set(id, { answered, failed });
    });
  }

  #receive(reply: Reply): void {
    const asker = this.#askers.get(reply.id);
    this.#askers.delete(reply.id);
    if ("answer" in reply) asker?.answered(reply.answer);
    else asker?.failed(ShoalError.fromWire(reply.error));
  }

  /** Invariant 2. */
  #lose(reason: string): void {
    if (this.#state.kind === "open") this.#state = { kind: "lost", reason };
    const askers = [...this.#askers.values()];
    this.#askers.clear();
    for (const asker of askers) asker.failed(unavailable(reason));
  }
}

function isAnswerTo<Kind extends Answer["kind"]>(answer: Answer, kind: Kind): answer is AnswerTo<Kind> {
  return answer.kind === kind;
}

function unavailable(reason: string): ShoalError {
  return new ShoalError("STORE_UNAVAILABLE", `Cannot ask the store: ${reason}`);
}
