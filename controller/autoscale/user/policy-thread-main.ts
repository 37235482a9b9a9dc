// The thread that a user's policy runs in: loads the module once, then answers one context after another.
//
// 1. A module that could not be loaded is not looked at again here, whatever becomes of its file: the thread is spent.

import { parentPort, workerData } from "node:worker_threads";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../../runtime/base/index.ts";
import { placeOf } from "../../../runtime/engines/index.ts";
import type { PolicyThreadOptions, ThreadReply } from "./policy-thread.ts";

type Loaded = (context: unknown) => unknown;

const OPTIONS: PolicyThreadOptions = workerData;

let loading: Promise<Loaded> | undefined;

async function load({ module, export: name }: PolicyThreadOptions): Promise<Loaded> {
  const exports: Record<string, unknown> = await import(module);
  const found = exports[name];
  if (typeof found !== "function") {
    const functions = Object.keys(exports).filter((key) => typeof exports[key] === "function");
    throw new TypeError(
      `Cannot find the policy "${name}": the module exports ${functions.join(", ") || "no functions"}`,
    );
  }
  return (context) => Reflect.apply(found, undefined, [context]) as unknown;
}

function reply(message: ThreadReply): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
  parentPort?.postMessage(message);
}

/** What went wrong, and where in the user's module. */
async function told(error: unknown): Promise<string> {
  const message = messageOf(error).replace(/ imported from \S*policy-thread-main\.[jt]s$/, "");
  return message + (await placeOf(error, fileURLToPath(OPTIONS.module)));
}

parentPort?.on("message", (context: unknown) => {
  void (async () => {
    let loaded = false;
    try {
      loading ??= load(OPTIONS);
      const policy = await loading;
      loaded = true;
      reply({ value: await policy(context) });
    } catch (error) {
      reply({ error: await told(error), spent: !loaded }); // invariant 1
    }
  })();
});
