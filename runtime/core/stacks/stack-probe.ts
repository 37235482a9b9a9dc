// Finds out where one worker stands: asks it over its channel, and by its inspector when it does not answer.
//
// 1. SIGUSR1 opens the inspector, on a free port of loopback, behind a name nobody can guess, which the process prints. It is sent
//    only to a worker that takes tasks, is not stopped, and handles the signal.
// 2. Whenever an inspector that was asked for opens, also late, it is closed again.
// 3. Node takes a signal twice: where JavaScript runs at once, and again when the event loop turns, where one that was closed in
//    between opens anew. So all that opens is ours until the worker has answered twice since: the first answer may come from the
//    very turn in which it opens.
// 4. What Node prints about ours is not the worker's output; what it prints when somebody else sent the signal is.

import type { Clock } from "../../base/index.ts";
import type { LineSink } from "../logs/output-lines.ts";
import type { StackReport, ToWorker } from "../workers/messages.ts";
import { usersFrames } from "./frames.ts";
import { inspect, type InspectorClient } from "./inspector-client.ts";
import { processStatus } from "./process-status.ts";

export type Probed =
  | { readonly kind: "RESPONSIVE"; readonly report: StackReport }
  | { readonly kind: "BLOCKED"; readonly stack: readonly string[] }
  | { readonly kind: "STARTING" | "STOPPED" | "ENDED" }
  | { readonly kind: "UNREACHABLE"; readonly why: string };

export interface StackProbeOptions {
  readonly clock: Clock;
  readonly pid: () => number | undefined;
  readonly send: (message: ToWorker) => void;
  readonly signal: (signal: NodeJS.Signals) => void;
}

/** A worker whose event loop turns answers within this; the share of the whole time it gets at most. */
const ANSWER_MS = 250;
const ANSWER_SHARE = 0.5;
const ANSWERS_TO_SETTLE = 2;

const OPENED = /^Debugger listening on (ws:\/\/127\.0\.0\.1:\d+\/[\w-]+)$/;
const PRINTED =
  /^(?:Debugger (?:listening on|attached|ending on)|For help, see: https:\/\/nodejs\.org\/|Waiting for the debugger to disconnect)/;

export class StackProbe {
  readonly #options: StackProbeOptions;
  #ready = false;
  #ended = false;
  /** Whether an inspector was asked for that has not opened yet. */
  #opening = false;
  /** To the one that is open. */
  #client: InspectorClient | undefined;
  /** Answers until what opens is not ours any more; undefined when it is not (invariant 3). */
  #answersLeft: number | undefined;
  #lastRequest = 0;
  #onAnswer: (report: StackReport) => void = () => {};
  #onOpened: ((client: InspectorClient) => void) | undefined;
  #onEnd: () => void = () => {};
  #running: Promise<Probed> | undefined;

  constructor(options: StackProbeOptions) {
    this.#options = options;
  }

  onReady(): void {
    this.#ready = true;
  }

  onEnd(): void {
    this.#ended = true;
    this.#onEnd();
  }

  /** The worker's answer; one to an earlier question is dropped. */
  onAnswer(report: StackReport): void {
    if (report.request !== this.#lastRequest) return;
    this.#onAnswer(report);
    this.#settle();
  }

  /** `sink` without what Node prints of our inspector (invariant 4). */
  tap(sink: LineSink): LineSink {
    return {
      line: (text) => {
        if (this.#answersLeft === undefined || !PRINTED.test(text)) return sink.line(text);
        const url = OPENED.exec(text)?.[1];
        if (url !== undefined) this.#onInspector(url);
      },
      dropped: (count) => sink.dropped(count),
    };
  }

  /** Never rejects. Who asks meanwhile gets the same answer. */
  read(timeoutMs: number): Promise<Probed> {
    this.#running ??= this.#read(timeoutMs).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #read(timeoutMs: number): Promise<Probed> {
    if (this.#ended) return { kind: "ENDED" };
    if (!this.#ready) return { kind: "STARTING" };
    const { clock } = this.#options;
    const done = Promise.withResolvers<Probed>();
    this.#onEnd = () => done.resolve({ kind: "ENDED" });
    this.#onAnswer = (report) => done.resolve({ kind: "RESPONSIVE", report });
    const onOpened = ({ stack: told }: InspectorClient): void => {
      void told.then((stack) => {
        if (stack !== undefined) done.resolve({ kind: "BLOCKED", stack: usersFrames(stack) });
      });
    };
    this.#ask();
    const timers = [
      clock.timer(Math.min(ANSWER_MS, timeoutMs * ANSWER_SHARE), () => {
        this.#onOpened = onOpened;
        void this.#openInspector().then((refused) => refused !== undefined && done.resolve(refused));
      }),
      clock.timer(timeoutMs, () =>
        done.resolve({
          kind: "UNREACHABLE",
          why: `it did not answer within ${timeoutMs} ms, and is not in JavaScript: blocked in native code or a system call`,
        }),
      ),
    ];
    const probed = await done.promise;
    for (const timer of timers) timer.cancel();
    this.#onEnd = () => {};
    this.#onAnswer = () => {};
    this.#onOpened = undefined;
    this.#client?.giveUp(); // invariant 2
    return probed;
  }

  #ask(): void {
    this.#options.send({ type: "stack", request: ++this.#lastRequest });
  }

  #onInspector(url: string): void {
    this.#opening = false;
    const client = inspect(url, this.#onOpened !== undefined);
    this.#client = client;
    void client.closed.then(() => {
      if (this.#client !== client) return;
      this.#client = undefined;
      this.#answersLeft = ANSWERS_TO_SETTLE;
      if (this.#running === undefined && !this.#ended) this.#ask();
    });
    this.#onOpened?.(client);
  }

  /** After an answer: one fewer until what opens is somebody else's (invariant 3). */
  #settle(): void {
    if (this.#answersLeft === undefined || this.#opening || this.#client !== undefined) return;
    this.#answersLeft = this.#answersLeft === 1 ? undefined : this.#answersLeft - 1;
    if (this.#answersLeft !== undefined) this.#ask();
  }

  /** Asks for it (invariant 1); what stands against that, else undefined. */
  async #openInspector(): Promise<Probed | undefined> {
    const pid = this.#options.pid();
    if (pid === undefined || this.#ended) return { kind: "ENDED" };
    const status = await processStatus(pid);
    if (status?.stopped === true) return { kind: "STOPPED" };
    if (status?.handlesUsr1 === false) {
      return { kind: "UNREACHABLE", why: "it does not answer, and its Node has no inspector" };
    }
    // One that was asked for before, and opens when the process gets back to JavaScript, serves this time; one that is
    // being closed has to be gone first: asked meanwhile, it would not open again.
    await this.#client?.closed;
    if (this.#opening || this.#onOpened === undefined) return undefined;
    this.#opening = true;
    this.#answersLeft = ANSWERS_TO_SETTLE;
    this.#options.signal("SIGUSR1");
    return undefined;
  }
}
