// An axis: from values to places on paper, with ticks at round numbers.

export interface Axis {
  /** What is measured, with its unit. */
  readonly label: string;
  /** Default from the data. */
  readonly from?: number;
  readonly to?: number;
  /** Equal ratios take equal room. Default false. */
  readonly log?: boolean;
  /** As a tick is written. Default a short number. */
  readonly format?: (value: number) => string;
}

export interface Scale {
  readonly place: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
}

const WANTED_TICKS = 6;

/** From the smallest and largest value of the data, if there is any; `room` is from where to where on paper. */
export function scaleOf(
  { from, to, log = false, format = shortNumber }: Axis,
  data: readonly [number, number],
  [start, end]: readonly [number, number],
): Scale {
  const [smallest, largest] = shown(data, log);
  const low = from ?? (log ? smallest / 1.1 : Math.min(0, smallest));
  const wanted = to ?? (log ? largest * 1.1 : largest * 1.02);
  const high = wanted > low ? wanted : low + 1;
  const turn = log ? Math.log : (value: number): number => value;
  const span = turn(high) - turn(low);
  const place = (value: number): number => start + ((turn(value) - turn(low)) / span) * (end - start);
  const values = log ? ratioTicks(low, high) : evenTicks(low, high);
  return { place, ticks: values.map((value) => ({ value, text: format(value) })) };
}

/** What of the data has a place; where it has no values, one. Equal ratios do not lead to zero. */
function shown([smallest, largest]: readonly [number, number], log: boolean): readonly [number, number] {
  if (smallest > largest) return [1, 1];
  if (!log || smallest > 0) return [smallest, largest];
  return largest > 0 ? [largest / 1_000, largest] : [1, 1];
}

function evenTicks(low: number, high: number): number[] {
  const rough = (high - low) / WANTED_TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5].find((factor) => factor * power >= rough) ?? 10);
  const ticks: number[] = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) ticks.push(n * step);
  return ticks;
}

function ratioTicks(low: number, high: number): number[] {
  const ticks: number[] = [];
  const factors = high / low > 30 ? [1, 3] : [1, 2, 3, 5, 7];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const factor of factors) {
      const value = factor * 10 ** power;
      if (value >= low && value <= high) ticks.push(value);
    }
  }
  return ticks;
}

/** 12.5k, 300, 0.25. */
export function shortNumber(value: number): string {
  if (Math.abs(value) >= 1e6) return `${trimmed(value / 1e6)}M`;
  if (Math.abs(value) >= 10_000) return `${trimmed(value / 1_000)}k`;
  return trimmed(value);
}

function trimmed(value: number): string {
  return String(Number(value.toPrecision(3)));
}
