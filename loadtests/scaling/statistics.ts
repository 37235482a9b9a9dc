// The server's own counters of a model: means in milliseconds, and who was turned away.

interface Duration {
  readonly count: number;
  readonly ns: number;
}

interface StatisticsView {
  readonly model_stats: readonly {
    readonly inference_stats: Readonly<Record<"success" | "queue" | ComputePart, Duration>>;
    readonly dispatch: { readonly refused: number; readonly shed: number };
    readonly batch_stats: readonly ({ readonly batch_size: number } & Readonly<
      Record<ComputePart, Duration>
    >)[];
  }[];
}

type ComputePart = "compute_input" | "compute_infer" | "compute_output";
const PARTS: readonly ComputePart[] = ["compute_input", "compute_infer", "compute_output"];

/** Times are means of a request, in milliseconds. */
export interface Statistics {
  /** From being let in to being answered. */
  readonly success: number;
  readonly queue: number;
  readonly compute: number;
  /** Requests that were refused at the door, and those let in and given up. */
  readonly refused: number;
  readonly shed: number;
  /** What a batch of so many rows took at its replica. */
  readonly bySize: ReadonlyMap<number, number>;
}

export async function readStatistics(url: string, model: string): Promise<Statistics> {
  const response = await fetch(`${url}/v2/models/${model}/stats`);
  const {
    model_stats: [stats],
  } = (await response.json()) as StatisticsView;
  if (stats === undefined) throw new Error(`The server has no statistics of "${model}"`);
  const { inference_stats: all, batch_stats: sizes } = stats;
  return {
    success: meanMs(all.success),
    queue: meanMs(all.queue),
    compute: computeOf(all),
    refused: stats.dispatch.refused,
    shed: stats.dispatch.shed,
    bySize: new Map(sizes.map((size) => [size.batch_size, computeOf(size)])),
  };
}

function computeOf(parts: Readonly<Record<ComputePart, Duration>>): number {
  return PARTS.reduce((sum, part) => sum + meanMs(parts[part]), 0);
}

function meanMs({ count, ns }: Duration): number {
  return count === 0 ? 0 : ns / count / 1e6;
}
