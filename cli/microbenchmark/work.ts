// What the microbenchmark runs in workers: tasks and actors that do nothing, and clients that call them.

import { type ActorHandle, type ObjectRef, Runtime } from "../../runtime/core/index.ts";

export const nothing = (): undefined => undefined;

const tasks = (): ReturnType<typeof tasksOf> => tasksOf();
function tasksOf() {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  return Runtime.current().tasks<typeof import("./work.ts")>(new URL(`./work${extension}`, import.meta.url));
}

/** Puts `count` small values. */
export async function putSmall(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await Runtime.current().put(0);
}

/** Puts `count` arrays of `bytes`. */
export async function putLarge(count: number, bytes: number): Promise<void> {
  const array = new Uint8Array(bytes);
  for (let n = 0; n < count; n++) await Runtime.current().put(array);
}

type Server = ActorHandle<typeof Echo>;

/** Calls each of `servers` in turn, `count` calls in all. */
export async function callMany(servers: readonly Server[], count: number): Promise<void> {
  const calls: ObjectRef<undefined>[] = [];
  for (let n = 0; n < count; n++) {
    const server = servers[n % servers.length];
    if (server !== undefined) calls.push(server.ping());
  }
  await Runtime.current().get(calls);
}

export class Echo {
  ping(): undefined {
    return undefined;
  }

  pingValue(_value: number): undefined {
    return undefined;
  }
}

export class AsyncEcho {
  async ping(): Promise<undefined> {
    return undefined;
  }

  async pingValue(_value: number): Promise<undefined> {
    return undefined;
  }
}

/** A client that is an actor itself. */
export class Client {
  async submitTasks(count: number): Promise<void> {
    const work = tasks();
    await Runtime.current().get(Array.from({ length: count }, () => work.nothing()));
  }

  async call(servers: readonly Server[], count: number): Promise<void> {
    await callMany(servers, count);
  }

  /** Calls with an argument that was put. */
  async callWithArgument(server: Server, count: number): Promise<void> {
    const value = await Runtime.current().put(0);
    await Runtime.current().get(Array.from({ length: count }, () => server.pingValue(value)));
  }
}
