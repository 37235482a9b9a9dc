// The thread that a user's policy runs in: loads the module once, then answers one context after another.

import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../../../runtime/base/index.ts";
import type { PolicyThreadOptions, ThreadReply } from "./policy-thread.ts";

type Loaded = (context: unknown) => unknown;

const OPTIONS: PolicyThreadOptions = workerData;

let loading: Promise<Loaded> | undefined;

async function load({ module, export: name }: PolicyThreadOptions): Promise<Loaded> {
  const exports: Record<string, unknown> = await import(module);
  const found = exports[name];
  if (typeof found !== "function") {
    throw new TypeError(
      `Cannot find the policy "${name}": the module exports ${Object.keys(exports).join(", ") || "nothing"}`,
    );
  }
  return (context) => Reflect.apply(found, undefined, [context]) as unknown;
}

function reply(message: ThreadReply): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
  parentPort?.postMessage(message);
}

parentPort?.on("message", (context: unknown) => {
  void (async () => {
    try {
      loading ??= load(OPTIONS);
      const policy = await loading;
      reply({ value: await policy(context) });
    } catch (error) {
      reply({ error: messageOf(error) });
    }
  })();
});
