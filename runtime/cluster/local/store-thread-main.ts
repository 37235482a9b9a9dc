// The thread that has a store's file: opens it, answers one question after another, closes it.
//
// The entry of a worker thread: store-thread.ts starts it, nobody imports it.

import assert from "node:assert/strict";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { ChangeLog } from "./change-log.ts";
import { type OpenDatabase, openDatabase } from "./open-database.ts";
import type { Answer, Question, Reply, Request, StoreOptions } from "./protocol.ts";
import { storeError } from "./sqlite-error.ts";

const VERBS = { get: "read", list: "read", changes: "read", commit: "write to", close: "close" } as const;

class StoreServer {
  readonly #opened: OpenDatabase;
  readonly #log: ChangeLog;

  constructor(opened: OpenDatabase, log: ChangeLog) {
    this.#opened = opened;
    this.#log = log;
  }

  /** Throws nothing: what fails is the reply. */
  reply({ id, question }: Request): Reply {
    try {
      return { id, answer: this.#answer(question) };
    } catch (error) {
      return {
        id,
        error: storeError(error, `${VERBS[question.kind]} the store ${this.#opened.where}`).toWire(),
      };
    }
  }

  #answer(question: Question): Answer {
    switch (question.kind) {
      case "get":
        return { kind: "get", entry: this.#log.get(question.key) };
      case "list":
        return { kind: "list", listing: this.#log.list(question.prefix) };
      case "commit":
        return { kind: "commit", outcome: this.#log.commit(question.changes) };
      case "changes":
        return { kind: "changes", changes: this.#log.changes(question.prefix, question.after) };
      case "close":
        this.#opened.close();
        return { kind: "close" };
    }
  }
}

function open(options: StoreOptions): StoreServer {
  const opened = openDatabase(options);
  try {
    return new StoreServer(opened, new ChangeLog(opened.database, options.retention));
  } catch (error) {
    opened.close();
    throw storeError(error, `open the store ${opened.where}`);
  }
}

/** Ends, and the thread with it, after the answer to `close` or when the store cannot be opened. */
function serve(port: MessagePort, options: StoreOptions): void {
  let server: StoreServer;
  try {
    server = open(options);
  } catch (error) {
    port.postMessage({ id: 0, error: storeError(error, "open the store").toWire() } satisfies Reply);
    return;
  }
  port.on("message", (request: Request) => {
    port.postMessage(server.reply(request));
    if (request.question.kind === "close") port.close();
  });
  port.postMessage({ id: 0, answer: { kind: "opened" } } satisfies Reply);
}

assert(parentPort !== null, "runs as a thread");
serve(parentPort, workerData);
