// One process of an actor, from fork to its end: its channel, its output, the deadline of its creation. It
// does not decide what follows on its end.
//
// 1. `onEnd` comes once, after the process is gone and what it had sent and written has been read.
// 2. Nothing of the parent's Node flags is inherited: no inspector, no test runner.
// 3. A process that failed to become ready, or closed its channel, is ended here by SIGKILL.

import { type ChildProcess, fork } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type Clock, messageOf, ShoalError, type Timer } from "../base/index.ts";
import type { Logger } from "../base/log/index.ts";
import type { ExitReason } from "./actor-state.ts";
import { CallTable } from "./call-table.ts";
import { childEnvironment } from "./child-environment.ts";
import { OutputLines } from "./output-lines.ts";
import { decodeFromActor, type FromActor, type ToActor } from "./protocol.ts";

export type OutputStream = "stdout" | "stderr";

export interface ActorProcessSpec {
  readonly name: string;
  readonly incarnation: number;
  readonly module: URL;
  readonly exportName: string;
  readonly args: readonly unknown[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly nodeFlags: readonly string[];
  readonly startTimeoutMs: number;
  readonly maxPendingCalls: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onOutput: ((line: string, stream: OutputStream) => void) | undefined;
}

export interface ActorProcessEvents {
  onReady(info: unknown, pid: number): void;
  onEnd(reason: Extract<ExitReason, { kind: "CREATION_FAILED" | "START_TIMEOUT" | "CRASHED" }>): void;
}

/** How a process ends when nobody asked it to. */
export type ProcessEnd = Extract<ExitReason, { kind: "CREATION_FAILED" | "START_TIMEOUT" | "CRASHED" }>;

type Life =
  | { readonly kind: "NEW" }
  | { readonly kind: "CREATING"; readonly child: ChildProcess; readonly startTimer: Timer }
  | { readonly kind: "READY"; readonly child: ChildProcess }
  /** Being killed for `end`, which is known before the process is gone. */
  | { readonly kind: "FAILED"; readonly child: ChildProcess; readonly end: ProcessEnd }
  | { readonly kind: "ENDED" };

/** From source the entry is TypeScript, in dist JavaScript. */
const ENTRY = new URL(
  import.meta.url.endsWith(".ts") ? "./worker-main.ts" : "./worker-main.js",
  import.meta.url,
);

/** A descendant may hold the output pipes open; the end of the process does not wait for it longer than this. */
const LINGER_MS = 200;
/** Between the end of the channel and that of the process, so that its own exit code is seen. */
const DISCONNECT_GRACE_MS = 1_000;

export class ActorProcess {
  readonly calls: CallTable;
  readonly #spec: ActorProcessSpec;
  readonly #events: ActorProcessEvents;
  /** Timers between the first sign of the end and the end. */
  readonly #endTimers: Timer[] = [];
  #life: Life = { kind: "NEW" };

  constructor(spec: ActorProcessSpec, events: ActorProcessEvents) {
    this.#spec = spec;
    this.#events = events;
    const { name: actor, clock, maxPendingCalls: maxPending } = spec;
    this.calls = new CallTable({ actor, clock, maxPending, send: (message) => this.send(message) });
  }

  /** Starts the process; whatever goes wrong, also at once, comes as `onEnd`. */
  launch(): void {
    const { name, env, nodeFlags, clock, startTimeoutMs } = this.#spec;
    let child: ChildProcess;
    try {
      child = fork(fileURLToPath(ENTRY), [String(process.pid), name], {
        execArgv: [...nodeFlags],
        env: childEnvironment(process.env, env),
        serialization: "advanced",
        stdio: ["ignore", "pipe", "pipe", "ipc"],
      });
    } catch (cause) {
      // Later, so that the end never comes before `launch` has returned.
      queueMicrotask(() => this.#end(this.#spawnFailed(cause)));
      return;
    }
    const startTimer = clock.timer(startTimeoutMs, () =>
      this.#fail(child, { kind: "START_TIMEOUT", timeoutMs: startTimeoutMs }),
    );
    this.#life = { kind: "CREATING", child, startTimer };
    this.#listen(child);
    this.#create(child);
  }

  /** Throws when the message cannot be serialised; a channel that is gone is told by `onEnd` alone. */
  send(message: ToActor): void {
    if (this.#life.kind === "NEW" || this.#life.kind === "ENDED") return;
    this.#life.child.send(message, undefined, {}, () => {});
  }

  /** SIGTERM; one that serves ignores the signal itself and takes it by message, one in creation cannot read yet. */
  terminate(phase: "creating" | "serving"): void {
    this.send({ type: "terminate" });
    if (phase === "creating") this.signal("SIGTERM");
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#life.kind !== "NEW" && this.#life.kind !== "ENDED") this.#life.child.kill(signal);
  }

  #create(child: ChildProcess): void {
    const { name: actor, incarnation, module, exportName, args } = this.#spec;
    try {
      this.send({ type: "create", module: module.href, exportName, args, actor, incarnation });
    } catch (cause) {
      const error = new ShoalError(
        "INVALID_ARGUMENT",
        `Cannot create actor "${actor}": an argument cannot be sent to another process: ${messageOf(cause)}`,
        { cause },
      );
      this.#fail(child, { kind: "CREATION_FAILED", error, final: true });
    }
  }

  #listen(child: ChildProcess): void {
    const { clock } = this.#spec;
    if (child.stdout !== null) this.#readLines(child.stdout, "stdout");
    if (child.stderr !== null) this.#readLines(child.stderr, "stderr");
    child.on("message", (message) => this.#onMessage(child, decodeFromActor(message)));
    child.on("error", (error) => {
      // Without a process there is no other event; a failed signal or message is told by the process's end.
      if (child.pid === undefined) this.#end(this.#spawnFailed(error));
    });
    child.on("disconnect", () => {
      if (this.#life.kind === "ENDED") return;
      this.#endTimers.push(clock.timer(DISCONNECT_GRACE_MS, () => child.kill("SIGKILL")));
    });
    child.on("exit", (exitCode, signal) => {
      if (this.#life.kind === "ENDED") return;
      this.#endTimers.push(clock.timer(LINGER_MS, () => this.#end(this.#exited(exitCode, signal))));
    });
    // Comes after the last message and the last output (invariant 1).
    child.on("close", (exitCode, signal) => this.#end(this.#exited(exitCode, signal)));
  }

  #readLines(pipe: Readable, stream: OutputStream): void {
    const { name: actor, incarnation, clock, log, onOutput } = this.#spec;
    const fields = { actor, incarnation, stream };
    const line = (text: string): void => {
      if (onOutput === undefined) log.info(fields, text);
      else onOutput(text, stream);
    };
    const dropped = (count: number): void =>
      log.warn({ ...fields, dropped: count }, "dropped lines of output");
    const lines = new OutputLines({ line, dropped }, clock);
    pipe.setEncoding("utf8");
    pipe.on("data", (chunk: string) => lines.write(chunk));
    pipe.once("close", () => lines.end());
    pipe.on("error", () => {});
  }

  #onMessage(child: ChildProcess, message: FromActor | undefined): void {
    if (message === undefined) {
      this.#spec.log.debug({ actor: this.#spec.name }, "dropped a message that is not of the protocol");
      return;
    }
    switch (message.type) {
      case "ready":
        if (this.#life.kind !== "CREATING" || child.pid === undefined) return;
        this.#life.startTimer.cancel();
        this.#life = { kind: "READY", child };
        this.#events.onReady(message.info, child.pid);
        break;
      case "failed": {
        const error = ShoalError.fromWire(message.error);
        const final = message.typed && error.kind.retry === "never";
        this.#fail(child, { kind: "CREATION_FAILED", error, final });
        break;
      }
      case "stopped":
        if (message.error === undefined) return;
        this.#spec.log.warn({ actor: this.#spec.name, err: message.error }, "stop() of the actor failed");
        break;
      case "result":
      case "item":
      case "end":
      case "error":
        this.calls.accept(message);
        break;
    }
  }

  /** Ends a process that could not become ready (invariant 3). */
  #fail(child: ChildProcess, end: ProcessEnd): void {
    if (this.#life.kind !== "CREATING") return;
    this.#life.startTimer.cancel();
    this.#life = { kind: "FAILED", child, end };
    child.kill("SIGKILL");
  }

  #exited(exitCode: number | null, signal: NodeJS.Signals | null): ProcessEnd {
    if (this.#life.kind === "FAILED") return this.#life.end;
    const during = this.#life.kind === "CREATING" ? "creation" : "service";
    return { kind: "CRASHED", during, exitCode, signal };
  }

  #spawnFailed(cause: unknown): ProcessEnd {
    const message = `Cannot start a process for actor "${this.#spec.name}": ${messageOf(cause)}`;
    const error = new ShoalError("RESOURCES_UNAVAILABLE", message, { cause });
    return { kind: "CREATION_FAILED", error, final: false };
  }

  #end(end: ProcessEnd): void {
    if (this.#life.kind === "ENDED") return;
    if (this.#life.kind === "CREATING") this.#life.startTimer.cancel();
    if (this.#life.kind !== "NEW") {
      // Closed already, unless a descendant holds them: that must not keep this process alive.
      this.#life.child.stdout?.destroy();
      this.#life.child.stderr?.destroy();
    }
    this.#life = { kind: "ENDED" };
    for (const timer of this.#endTimers) timer.cancel();
    this.#events.onEnd(end);
  }
}
