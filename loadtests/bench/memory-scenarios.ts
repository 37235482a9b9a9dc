// The two memory figures: how many copies of a large body Shoal holds while it serves it, and whether its
// memory stays flat over many requests. Both count the server's process and all replicas; the model is identity or mlp.

import type { Generator } from "../http/generator.ts";
import { encodeRequest } from "../http/message.ts";
import type { BenchModel } from "../models/bench-models.ts";
import { inferRequest, requestMessage } from "./bodies.ts";
import { commandOf, countedTwice, processTree, residentOf, resetPeaks, settledRss } from "./memory.ts";
import type { Server } from "./processes.ts";
import { checkStatuses } from "./rounds.ts";
import type { MemoryPlan } from "./scenarios.ts";
import { type Point, slope } from "./statistics.ts";

/** Bytes resident above the idle server while bodies of `bodyBytes` go through one at a time. */
export interface BodyCopies {
  readonly bodyBytes: number;
  readonly requests: number;
  readonly idleBytes: number;
  /** Sum of the processes' own peaks, which need not coincide, with shared memory counted once: an upper bound. */
  readonly peakBytes: number;
  /** Largest sum seen at one moment, sampled as fast as /proc answers: a lower bound. */
  readonly sampledPeakBytes: number;
  /** Bodies above idle at the peak of all requests, garbage that was not yet collected included. */
  readonly copies: number;
  /** The same at the peak of the first request alone. */
  readonly copiesOfFirst: number;
  readonly processes: readonly ProcessPeak[];
}

interface ProcessPeak {
  readonly command: string;
  readonly idleBytes: number;
  readonly peakBytes: number;
}

/** Memory after every so many requests. */
export interface Flatness {
  readonly samples: readonly { readonly requests: number; readonly rssBytes: number }[];
  readonly bytesPerRequest: number;
  /** Growth over `requests` at that slope, as a share of the resident memory. */
  readonly growthRatio: number;
  readonly requests: number;
}

/** The largest that was seen: of the sum, and of the shared memory in each process. */
interface Largest {
  rss: number;
  shared: readonly number[];
}

/** Samples into `largest` as fast as /proc answers, until the signal. */
async function sample(pids: readonly number[], until: AbortSignal, largest: Largest): Promise<void> {
  while (!until.aborted) {
    const { rss, shared } = await residentOf(pids);
    largest.rss = Math.max(largest.rss, rss);
    largest.shared = shared.map((bytes, index) => Math.max(bytes, largest.shared[index] ?? 0));
  }
}

const QUIET_MS = 1000;
const SAMPLE_QUIET_MS = 400;
const WARM_UP_REQUESTS = 500;
/** Share of the samples left out at the start: caches fill and code is compiled there. */
const WARM_SHARE = 0.25;

export async function measureBodyCopies(
  { generator, shoal }: { generator: Generator; shoal: Server },
  model: BenchModel,
  plan: MemoryPlan,
): Promise<BodyCopies> {
  const { bodyBytes } = plan;
  const path = `/v2/models/${model.name}/infer`;
  const load = async (elements: number, requests: number): Promise<void> => {
    const message = requestMessage(new Float32Array(elements).fill(1), [1, elements], "binary");
    const options = {
      target: shoal.target,
      messages: [encodeRequest({ method: "POST", path, ...message })],
      connections: 1,
      amount: { requests, warmUpRequests: 0 },
    };
    checkStatuses(await generator.run(options), `${bodyBytes} bytes of identity`);
  };
  // Small bodies first: the code paths are warm and their memory is in the baseline, no large body is.
  await load(1024, WARM_UP_REQUESTS);
  const pids = await processTree(shoal.pid);
  const idleBytes = await settledRss(pids, QUIET_MS);
  const idle = await Promise.all(pids.map((pid) => residentOf([pid])));
  await resetPeaks(pids);
  const done = new AbortController();
  const largest: Largest = { rss: 0, shared: [] };
  const sampling = sample(pids, done.signal, largest);
  const elements = bodyBytes / Float32Array.BYTES_PER_ELEMENT;
  const peakNow = async (): Promise<number> => (await residentOf(pids)).peak - countedTwice(largest.shared);
  const copiesNow = async (): Promise<number> => ((await peakNow()) - idleBytes) / bodyBytes;
  try {
    await load(elements, 1);
    const copiesOfFirst = await copiesNow();
    await load(elements, plan.bodyRequests - 1);
    const peakBytes = await peakNow();
    const peaks = await Promise.all(pids.map((pid) => residentOf([pid])));
    done.abort();
    await sampling;
    return {
      bodyBytes,
      requests: plan.bodyRequests,
      idleBytes,
      peakBytes,
      sampledPeakBytes: largest.rss,
      copies: (peakBytes - idleBytes) / bodyBytes,
      copiesOfFirst,
      processes: await Promise.all(
        pids.map(async (pid, index) => ({
          command: await commandOf(pid),
          idleBytes: idle[index]?.rss ?? 0,
          peakBytes: peaks[index]?.peak ?? 0,
        })),
      ),
    };
  } finally {
    done.abort();
  }
}

export async function measureFlatness(
  { generator, shoal }: { generator: Generator; shoal: Server },
  model: BenchModel,
  plan: MemoryPlan,
): Promise<Flatness> {
  const messages = [encodeRequest(inferRequest(model, "binary")), encodeRequest(inferRequest(model, "json"))];
  const samples: { requests: number; rssBytes: number }[] = [];
  for (let sent = plan.flatEvery; sent <= plan.flatRequests; sent += plan.flatEvery) {
    const amount = { requests: plan.flatEvery, warmUpRequests: 0 };
    const report = await generator.run({ target: shoal.target, messages, connections: 64, amount });
    checkStatuses(report, `${sent} requests`);
    const pids = await processTree(shoal.pid);
    samples.push({ requests: sent, rssBytes: await settledRss(pids, SAMPLE_QUIET_MS) });
  }
  return summarise(samples, plan.flatRequests);
}

/** Fits the slope through the samples behind the warm-up. Pure. */
export function summarise(samples: Flatness["samples"], requests: number): Flatness {
  const warm = samples.slice(Math.floor(samples.length * WARM_SHARE));
  const points = warm.map((sample): Point => ({ x: sample.requests, y: sample.rssBytes }));
  const bytesPerRequest = slope(points);
  const mean = points.reduce((sum, { y }) => sum + y, 0) / points.length;
  return { samples, bytesPerRequest, growthRatio: (bytesPerRequest * requests) / mean, requests };
}
