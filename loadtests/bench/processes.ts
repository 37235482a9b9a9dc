// Starts and ends the processes that a benchmark measures: the door, the raw loop, and Shoal as a user starts it.
//
// 1. Every process has an owner that disposes of it; a server gets SIGTERM and ten seconds, then SIGKILL.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Child } from "../child.ts";
import type { RawLoopReport, RawLoopRequest } from "./raw-loop.ts";

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 25;
const REPOSITORY = join(import.meta.dirname, "../..");

/** A server under test. */
export interface Server extends AsyncDisposable {
  readonly pid: number;
  readonly target: { readonly host: string; readonly port: number };
}

/** A model as a benchmark has Shoal serve it. */
export interface ServedModel {
  readonly name: string;
  readonly path: string;
  readonly maxBatchSize: number;
}

export async function startDoor(): Promise<Server> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "door.ts")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  return serverOf(child, await firstUrl(child));
}

/** Shoal with one model, started by its command in `folder`; resolves when it says that it is ready. */
export async function startShoal(folder: string, model: ServedModel): Promise<Server> {
  const config = join(folder, `${model.name}.shoal.yaml`);
  await writeFile(config, JSON.stringify(shoalConfig(model), undefined, 2));
  const args = ["bin/shoal.js", "serve", "run", config, "--port", "0", "--admin-port", "0"];
  const child = spawn(process.execPath, args, { cwd: REPOSITORY, stdio: ["ignore", "pipe", "pipe"] });
  try {
    const url = await firstUrl(child);
    await untilReady(url);
    return serverOf(child, url);
  } catch (error) {
    await stop(child);
    throw error;
  }
}

/** The configuration; JSON, which every YAML reader takes. */
function shoalConfig({ name, path, maxBatchSize }: ServedModel): object {
  const deployment = {
    name,
    model: path,
    num_replicas: 1,
    resources: { num_cpus: 1 },
    batching: { max_batch_size: maxBatchSize },
  };
  return { applications: [{ name, route_prefix: `/${name}`, deployments: [deployment] }] };
}

/** The first address that the process prints; all it printed is in the error when it ends before. */
async function firstUrl(child: ChildProcess): Promise<string> {
  const found = Promise.withResolvers<string>();
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8");
    stream?.on("data", (text: string) => {
      printed = (printed + text).slice(-8000);
      const match = /http:\/\/127\.0\.0\.1:\d+/.exec(printed);
      if (match) found.resolve(match[0]);
    });
  }
  child.once("exit", (code) =>
    found.reject(new Error(`Cannot start Shoal: it ended with ${code}:\n${printed}`)),
  );
  const timeout = new AbortController();
  const late = sleep(READY_TIMEOUT_MS, undefined, { signal: timeout.signal }).then(() => {
    throw new Error(`Cannot start Shoal: no address within ${READY_TIMEOUT_MS} ms:\n${printed}`);
  });
  try {
    return await Promise.race([found.promise, late]);
  } finally {
    timeout.abort();
    late.catch(() => undefined);
  }
}

async function untilReady(url: string): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const response = await fetch(`${url}/v2/health/ready`).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.status === 200) return;
    if (performance.now() > deadlineMs) {
      throw new Error(
        `Cannot start the server: not ready within ${READY_TIMEOUT_MS} ms, last status ${response?.status}`,
      );
    }
    await sleep(POLL_MS);
  }
}

function serverOf(child: ChildProcess, url: string): Server {
  const { hostname, port } = new URL(url);
  return {
    pid: child.pid ?? 0,
    target: { host: hostname, port: Number(port) },
    [Symbol.asyncDispose]: () => stop(child),
  };
}

/** Invariant 1. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const escalation = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(escalation);
}

/** The engine's loop; one request at a time. */
export type RawLoop = Child<RawLoopRequest, RawLoopReport>;

export function startRawLoop(): Promise<RawLoop> {
  return Child.start(new URL("raw-loop.ts", import.meta.url));
}
