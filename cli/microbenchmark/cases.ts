// The cases of `ray microbenchmark` by their names (python/ray/_private/ray_perf.py), on Shoal's runtime. Left out are
// those of Ray Client, a proxy that Shoal has not, and of out-of-scope callbacks.
//
// 1. One operation is what Ray's case of the name counts as one.

import { availableParallelism } from "node:os";
import { type ActorHandle, type ObjectRef, Runtime } from "../../runtime/core/index.ts";
import type { AsyncEcho, Echo } from "./work.ts";

export interface Case {
  readonly name: string;
  readonly unit: "/s" | "GB/s";
  /** Operations that one `run` counts as: calls, or gigabytes. */
  readonly multiplier: number;
  run(): Promise<unknown>;
}

export interface CaseMaker {
  readonly name: string;
  make(runtime: Runtime): Promise<Case>;
}

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const WORK = new URL(`./work${EXTENSION}`, import.meta.url);

function workOf(runtime: Runtime) {
  return runtime.tasks<typeof import("./work.ts")>(WORK);
}

function actorsOf(runtime: Runtime) {
  return runtime.actors<typeof import("./work.ts")>(WORK);
}

/** As many as Ray's cases take for "n": half the CPUs. */
const HALF_CPUS = Math.max(1, Math.floor(availableParallelism() / 2));
const CALLS = 1_000;
const CLIENT_CALLS = 5_000;
const GIGABYTE = 1e9;

type Make = (runtime: Runtime) => Promise<() => Promise<unknown>>;

function maker(name: string, multiplier: number, make: Make, unit: Case["unit"] = "/s"): CaseMaker {
  return { name, make: async (runtime) => ({ name, unit, multiplier, run: await make(runtime) }) };
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}

type AnyEcho = ActorHandle<typeof Echo> | ActorHandle<typeof AsyncEcho>;

function callCases(
  kind: string,
  create: (runtime: Runtime, maxConcurrency?: number) => Promise<AnyEcho>,
): CaseMaker[] {
  const isAsync = kind !== "actor";
  return [
    maker(`1:1 ${kind} calls sync`, 1, async (runtime) => {
      const echo = await create(runtime);
      return () => runtime.get(echo.ping());
    }),
    maker(`1:1 ${kind} calls async`, CALLS, async (runtime) => {
      const echo = await create(runtime);
      return () => runtime.get(times(CALLS, () => echo.ping()));
    }),
    ...(isAsync
      ? [
          maker(`1:1 ${kind} calls with args async`, CALLS, async (runtime) => {
            const echo = await create(runtime);
            return () => runtime.get(times(CALLS, () => echo.pingValue(0)));
          }),
        ]
      : [
          maker(`1:1 ${kind} calls concurrent`, CALLS, async (runtime) => {
            const echo = await create(runtime, 16);
            return () => runtime.get(times(CALLS, () => echo.ping()));
          }),
        ]),
    maker(`1:n ${kind} calls async`, CLIENT_CALLS * HALF_CPUS, async (runtime) => {
      const servers = await Promise.all(times(HALF_CPUS, () => create(runtime)));
      const client = await actorsOf(runtime).Client.create();
      return () => runtime.get(client.call(servers as never, CLIENT_CALLS * HALF_CPUS));
    }),
    maker(`n:n ${kind} calls async`, 4 * CLIENT_CALLS, async (runtime) => {
      const servers = await Promise.all(times(HALF_CPUS, () => create(runtime)));
      const work = workOf(runtime);
      return () => runtime.get(times(4, () => work.callMany(servers as never, CLIENT_CALLS)));
    }),
  ];
}

const createEcho = (runtime: Runtime, maxConcurrency?: number): Promise<AnyEcho> =>
  actorsOf(runtime)
    .Echo.options(maxConcurrency === undefined ? {} : { maxConcurrency })
    .create();
const createAsyncEcho = (runtime: Runtime): Promise<AnyEcho> => actorsOf(runtime).AsyncEcho.create();

export const CASES: readonly CaseMaker[] = [
  maker("single client get calls (Plasma Store)", 1, async (runtime) => {
    const value = await runtime.put(0);
    return () => runtime.get(value);
  }),
  maker("single client put calls (Plasma Store)", 1, async (runtime) => () => runtime.put(0)),
  maker("multi client put calls (Plasma Store)", 1_000, async (runtime) => {
    const work = workOf(runtime);
    return () => runtime.get(times(10, () => work.putSmall(100)));
  }),
  maker(
    "single client put gigabytes",
    0.8,
    async (runtime) => {
      const array = new BigInt64Array((0.8 * GIGABYTE) / 8);
      return () => runtime.put(array);
    },
    "GB/s",
  ),
  maker("single client tasks and get batch", 1, async (runtime) => {
    const work = workOf(runtime);
    return () => runtime.get(times(CALLS, () => work.nothing()));
  }),
  maker(
    "multi client put gigabytes",
    10 * 10 * 0.08,
    async (runtime) => {
      const work = workOf(runtime);
      return () => runtime.get(times(10, () => work.putLarge(10, 0.08 * GIGABYTE)));
    },
    "GB/s",
  ),
  maker("single client get object containing 10k refs", 1, async (runtime) => {
    const references: ObjectRef<number>[] = await Promise.all(times(10_000, () => runtime.put(1)));
    const holder = await runtime.put(references);
    return () => runtime.get(holder);
  }),
  maker("single client wait 1k refs", 1, async (runtime) => {
    const work = workOf(runtime);
    return async () => {
      let pending: ObjectRef<undefined>[] = times(CALLS, () => work.nothing());
      while (pending.length > 0) ({ pending } = await runtime.wait(pending));
    };
  }),
  maker("single client tasks sync", 1, async (runtime) => {
    const work = workOf(runtime);
    return () => runtime.get(work.nothing());
  }),
  maker("single client tasks async", CALLS, async (runtime) => {
    const work = workOf(runtime);
    return () => runtime.get(times(CALLS, () => work.nothing()));
  }),
  maker("multi client tasks async", 4 * 10_000, async (runtime) => {
    const clients = await Promise.all(times(4, () => actorsOf(runtime).Client.create()));
    return () => runtime.get(clients.map((client) => client.submitTasks(10_000)));
  }),
  ...callCases("actor", createEcho),
  maker("n:n actor calls with arg async", HALF_CPUS * CALLS, async (runtime) => {
    const pairs = await Promise.all(
      times(HALF_CPUS, async () => ({
        client: await actorsOf(runtime).Client.create(),
        server: await actorsOf(runtime).Echo.create(),
      })),
    );
    return () =>
      runtime.get(pairs.map(({ client, server }) => client.callWithArgument(server as never, CALLS)));
  }),
  ...callCases("async-actor", createAsyncEcho),
  maker("placement group create/removal", 100, async (runtime) => {
    return async () => {
      const groups = await Promise.all(
        times(100, () => runtime.createPlacementGroup({ bundles: [{ resources: { custom: 0.001 } }] })),
      );
      await Promise.all(groups.map((group) => group.ready()));
      await Promise.all(groups.map((group) => group.remove()));
    };
  }),
];
