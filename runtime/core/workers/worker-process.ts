// One worker process as the head sees it: spawned, spoken to over its channel, ended.
//
// 1. `onEnd` comes once, after the process is gone and what it had sent and written has been read.
// 2. Nothing of the parent's Node flags is inherited but what workers need themselves.
// 3. A process that closes its channel is ended by SIGKILL.

import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { join } from "node:path";
import { Duplex, PassThrough, type Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Clock, Timer, WireError } from "../../base/index.ts";
import { FrameChannel } from "../channel/frame-channel.ts";
import { childEnvironment } from "./child-environment.ts";
import { type LineSink, OutputLines } from "../logs/output-lines.ts";
import type { ObjectFolders } from "../objects/index.ts";
import { type Probed, StackProbe } from "../stacks/stack-probe.ts";
import type { WorkerLog } from "../logs/worker-logs.ts";
import type { WorkerEnvironment } from "../environments/prepare.ts";
import { cacheFolder } from "../user-folders.ts";
import type { FromWorker, StackReport, ToWorker, UnreadyMessage } from "./messages.ts";

export interface WorkerSpec {
  /** Unique in the runtime, from 1; part of the ids the worker makes. */
  readonly index: number;
  /** Of the environment; workers are reused within one. */
  readonly environment: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string | undefined;
  readonly nodeFlags: readonly string[];
  /** Plain data for the worker's start. */
  readonly setUp: WorkerSetUp;
  readonly clock: Clock;
}

/** What a worker is told at its birth. */
export interface WorkerSetUp {
  readonly index: number;
  readonly objectFolders: ObjectFolders;
  /** What it does before any task; nothing in the driver's own environment. */
  readonly environment: WorkerEnvironment | undefined;
}

export interface WorkerEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The process could not be started at all. */
  readonly spawnError?: Error;
}

export interface WorkerEvents {
  onMessage(message: FromWorker, parts: readonly Uint8Array[]): void;
  /** It will take tasks from now on. */
  onReady(): void;
  /** The set-up hook of its environment threw. */
  onUnready(error: WireError): void;
  /** Where what it prints goes. */
  log(pid: number): WorkerLog;
  onEnd(end: WorkerEnd): void;
}

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const ENTRY = fileURLToPath(new URL(`../worker/worker-main${EXTENSION}`, import.meta.url));
/** In a checkout a task's module finds the sources by the package's name, as the driver does. */
const SOURCE_FLAGS = EXTENSION === ".ts" ? ["--conditions=shoal-source"] : [];
/** Opens nothing: where an inspector would listen, were it asked for, and that its name is told to nobody but us. */
const INSPECTOR_FLAGS = ["--inspect-port=127.0.0.1:0", "--inspect-publish-uid=stderr"];
/** Where Node keeps compiled modules: for this user only, since it is code; nowhere for one without a home. */
const CACHES = cacheFolder();
const COMPILE_CACHE = CACHES === undefined ? {} : { NODE_COMPILE_CACHE: join(CACHES, "compiled") };
/** A descendant may hold the output pipes open; the end of the process does not wait for it longer than this. */
const LINGER_MS = 200;
/** Between the end of the channel and that of the process, so that its own exit code is seen. */
const DISCONNECT_GRACE_MS = 1_000;

export class WorkerProcess {
  readonly index: number;
  readonly environment: string;
  readonly startedEpochMs: number;
  /** Undefined for one that the system has refused at once. */
  readonly #child: ChildProcess | undefined;
  readonly #channel: FrameChannel<FromWorker | UnreadyMessage | StackReport, ToWorker>;
  readonly #events: WorkerEvents;
  readonly #probe: StackProbe;
  readonly #timers: Timer[] = [];
  #log: WorkerLog | undefined;
  #ended = false;

  private constructor(spec: WorkerSpec, spawned: ChildProcess | Error, events: WorkerEvents) {
    const { clock } = spec;
    const child = spawned instanceof Error ? undefined : spawned;
    this.index = spec.index;
    this.environment = spec.environment;
    this.startedEpochMs = clock.epochMs();
    this.#child = child;
    this.#events = events;
    // Without descriptors left Node makes no pipes at all: what is sent then goes nowhere, until the end is told.
    const pipe = child?.stdio?.[3];
    const socket = pipe instanceof Duplex ? pipe : new PassThrough().destroy();
    const probe = new StackProbe({
      clock,
      pid: () => child?.pid,
      send: (message) => this.send(message),
      signal: (signal) => this.signal(signal),
    });
    this.#probe = probe;
    this.#channel = new FrameChannel(socket, {
      onMessage: (message: FromWorker | UnreadyMessage | StackReport, parts) => {
        if (message.type === "unready") events.onUnready(message.error);
        else if (message.type === "stack") probe.onAnswer(message);
        else {
          if (message.type === "ready") {
            probe.onReady();
            events.onReady();
          }
          events.onMessage(message, parts);
        }
      },
      onEnd: () => this.#timers.push(clock.timer(DISCONNECT_GRACE_MS, () => child?.kill("SIGKILL"))), // invariant 3
    });
    if (child === undefined) {
      if (spawned instanceof Error) queueMicrotask(() => this.#end({ ...NO_STATUS, spawnError: spawned }));
      return;
    }
    if (child.pid !== undefined) {
      this.#log = events.log(child.pid);
      if (child.stdout !== null) readLines(child.stdout, this.#log.sink("stdout"), clock);
      if (child.stderr !== null) readLines(child.stderr, probe.tap(this.#log.sink("stderr")), clock);
    }
    child.on("error", (spawnError) => {
      if (child.pid === undefined) this.#end({ ...NO_STATUS, spawnError });
    });
    child.on("exit", (exitCode, signal) => {
      // Where the driver stood still for as long, what is there has still to be read: timers come first (invariant 1).
      const end = (): unknown => setImmediate(() => this.#end({ exitCode, signal }));
      this.#timers.push(clock.timer(LINGER_MS, end));
    });
    // Comes after the last message and the last output (invariant 1).
    child.on("close", (exitCode, signal) => this.#end({ exitCode, signal }));
  }

  /** Whatever goes wrong, also at once, comes as `onEnd`. */
  static spawn(spec: WorkerSpec, events: WorkerEvents): WorkerProcess {
    const { nodeFlags, env, cwd, setUp } = spec;
    const flags = [...SOURCE_FLAGS, ...INSPECTOR_FLAGS, ...nodeFlags];
    const child = spawnOrError([...flags, ENTRY, String(process.pid), JSON.stringify(setUp)], {
      env: childEnvironment({ ...COMPILE_CACHE, ...process.env }, env),
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      ...(cwd === undefined ? {} : { cwd }),
    });
    return new WorkerProcess(spec, child, events);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Sent to it and not read yet, beyond what the system keeps. */
  get unwrittenBytes(): number {
    return this.#channel.unwrittenBytes;
  }

  send(message: ToWorker, parts?: readonly Uint8Array[]): void {
    this.#channel.send(message, parts);
  }

  /** Where it stands; never rejects. */
  stack(timeoutMs: number): Promise<Probed> {
    return this.#probe.read(timeoutMs);
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#ended) this.#child?.kill(signal);
  }

  #end(end: WorkerEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const timer of this.#timers) timer.cancel();
    this.#probe.onEnd();
    // Closed already, unless a descendant holds them: that must not keep this process alive.
    this.#child?.stdout?.destroy();
    this.#child?.stderr?.destroy();
    this.#channel.destroy();
    this.#log?.[Symbol.dispose]();
    this.#events.onEnd(end);
  }
}

const NO_STATUS = { exitCode: null, signal: null } as const;

/** Node throws some of what the system refuses, such as an environment that is too large, and emits the rest. */
function spawnOrError(args: readonly string[], options: SpawnOptions): ChildProcess | Error {
  try {
    return spawn(process.execPath, args, options);
  } catch (thrown) {
    return thrown instanceof Error ? thrown : new Error(String(thrown));
  }
}

function readLines(pipe: Readable, sink: LineSink, clock: Clock): void {
  const lines = new OutputLines(sink, clock);
  pipe.setEncoding("utf8");
  pipe.on("data", (chunk: string) => lines.write(chunk));
  pipe.once("close", () => lines.end());
  pipe.on("error", () => undefined);
}
