// onnxruntime-node in a loop, a process: runs a model on one fixed input, as often as fits in a given time,
// with no server around it. What it gives is the engine time that Shoal's latency is measured against.

import { InferenceSession, Tensor } from "onnxruntime-node";
import { answerParent } from "../child.ts";
import { Histogram } from "../http/histogram.ts";

export interface RawLoopRequest {
  readonly path: string;
  readonly rowShape: readonly number[];
  readonly batch: number;
  readonly threads: number;
  readonly durationMs: number;
}

export interface RawLoopReport {
  readonly runs: number;
  readonly rowsPerSecond: number;
  readonly p50Ms: number;
}

const MIN_RUNS = 3;
const sessions = new Map<string, Promise<InferenceSession>>();

function sessionOf(path: string, threads: number): Promise<InferenceSession> {
  const key = `${threads} ${path}`;
  const options = { intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: "sequential" } as const;
  const session = sessions.get(key) ?? InferenceSession.create(path, options);
  sessions.set(key, session);
  return session;
}

async function loop({ path, rowShape, batch, threads, durationMs }: RawLoopRequest): Promise<RawLoopReport> {
  const session = await sessionOf(path, threads);
  const shape = [batch, ...rowShape];
  const elements = shape.reduce((product, size) => product * size, 1);
  const data = Float32Array.from({ length: elements }, (_, index) => (index % 255) / 255);
  const run = (): Promise<unknown> => session.run({ input: new Tensor("float32", data, shape) });
  await run();
  const histogram = new Histogram();
  const startMs = performance.now();
  let nowMs = startMs;
  while (nowMs - startMs < durationMs || histogram.count < MIN_RUNS) {
    await run();
    const endMs = performance.now();
    histogram.record(endMs - nowMs);
    nowMs = endMs;
  }
  const rowsPerSecond = (histogram.count * batch * 1000) / (nowMs - startMs);
  return { runs: histogram.count, rowsPerSecond, p50Ms: histogram.quantileMs(0.5) };
}

answerParent<RawLoopRequest, RawLoopReport>(loop);
