// One replica of one deployment: the class of an actor. It holds an engine and a data socket.
//
// 1. It exists only once its model is loaded, warmed up and its socket listens: ALIVE means ready.
// 2. Its record (`replica-record.ts`) says what it was last told; one that cannot be written costs the replica only that
//    another controller cannot take it over.

import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, systemClock } from "../runtime/base/index.ts";
import { createLog, type Logger } from "../runtime/base/log/index.ts";
import { type Engine, type EngineSpec, loadEngine, type Signature } from "../runtime/engines/index.ts";
import { DataServer } from "./data-server.ts";
import { type ReplicaRecord, removeReplicaRecord, writeReplicaRecord } from "./replica-record.ts";

/** Plain data: it crosses the process boundary. */
export interface ReplicaSpec {
  readonly engine: EngineSpec;
  readonly replicaId: string;
  /** Folder for the data socket; its path must leave room for a short name within 107 bytes. */
  readonly socketFolder: string;
  readonly logLevel: string;
  /** Kept in its record for whoever finds it: plain JSON. Without one it leaves no record. */
  readonly note?: unknown;
}

/** What the controller learns of a replica that is ready. */
export interface ReplicaInfo {
  readonly socketPath: string;
  readonly signature: Signature;
  readonly takes: { readonly infer: boolean; readonly fetch: boolean };
  readonly loadMs: number;
  readonly warmUpMs: number;
}

export class Replica {
  readonly #engine: Engine;
  readonly #server: DataServer;
  readonly #info: ReplicaInfo;
  readonly #folder: string;
  readonly #log: Logger;
  #record: ReplicaRecord | undefined;
  /** Of reconfigures: one at a time. Never rejects. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    engine: Engine,
    server: DataServer,
    { spec, info, log }: { readonly spec: ReplicaSpec; readonly info: ReplicaInfo; readonly log: Logger },
  ) {
    this.#engine = engine;
    this.#server = server;
    this.#info = info;
    this.#folder = spec.socketFolder;
    this.#log = log;
    if (spec.note === undefined) return;
    const { replicaId, note } = spec;
    const readyEpochMs = systemClock.epochMs();
    this.#record = { replicaId, info, note, readyEpochMs, configuredEpochMs: readyEpochMs };
  }

  /** Loads, warms up, listens. Throws MODEL_LOAD_FAILED or INVALID_CONFIG. */
  static async start(spec: ReplicaSpec): Promise<Replica> {
    const { deployment } = spec.engine;
    const log = createLog({ level: spec.logLevel, fields: { deployment, replica: spec.replicaId } });
    const startedMs = systemClock.nowMs();
    const engine = await loadEngine(spec.engine, new AbortController().signal, { log });
    const loadedMs = systemClock.nowMs();
    const warning = await engine.warmUp();
    if (warning !== undefined) log.warn(warning);
    const warmMs = systemClock.nowMs();
    const socketPath = `${spec.socketFolder}/${process.pid}.sock`;
    const server = new DataServer({ deployment, engine, clock: systemClock, log });
    await listen(server, socketPath, log);
    const info = {
      socketPath,
      signature: engine.signature,
      takes: { infer: engine.infers, fetch: engine.fetch !== undefined },
      loadMs: loadedMs - startedMs,
      warmUpMs: warmMs - loadedMs,
    };
    const replica = new Replica(engine, server, { spec, info, log });
    await replica.#writeRecord();
    return replica;
  }

  describe(): ReplicaInfo {
    return this.#info;
  }

  /** A new `user_config`, without a restart; `note` takes the place of the one it has. */
  async reconfigure(userConfig: unknown, note?: unknown): Promise<void> {
    const turn = this.#turn.then(async () => {
      await this.#engine.reconfigure?.(userConfig);
      if (this.#record === undefined || note === undefined) return;
      this.#record = { ...this.#record, note, configuredEpochMs: systemClock.epochMs() };
      await this.#writeRecord();
    });
    this.#turn = turn.catch(() => undefined);
    await turn;
  }

  /** Finishes what runs, then frees the model. */
  async stop(): Promise<void> {
    await this.#server.drain();
    this.#server.close();
    await removeReplicaRecord(this.#folder, process.pid);
    await this.#engine.dispose();
  }

  /** Invariant 2. */
  async #writeRecord(): Promise<void> {
    if (this.#record === undefined) return;
    try {
      await writeReplicaRecord(this.#folder, process.pid, this.#record);
    } catch (thrown) {
      this.#log.warn(`its record cannot be written: ${messageOf(thrown)}`);
    }
  }
}

async function listen(server: DataServer, socketPath: string, log: Logger): Promise<void> {
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o700 });
  await server.listen(socketPath);
  log.debug({ socketPath }, "data socket listens");
}
