// What a run comes to, real or simulated, and how far the two are apart. Pure.

export interface Figures {
  /** Requests that count: sent after the warm-up. */
  readonly sent: number;
  /** Of these, the share answered within the objective. */
  readonly attainment: number;
  /** Of answers, from the intended send time. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the whole run, from being asked for to being told to stop. */
  readonly replicaSeconds: number;
}

export interface Gap {
  readonly name: string;
  readonly kept: boolean;
  /** With sign: the simulator's less the real one's. */
  readonly found: string;
}

/** Of the issue: half a point, a tenth, a tenth, a twentieth. */
const WITHIN = { attainmentPoints: 0.5, latency: 0.1, replicaSeconds: 0.05 } as const;

/** Means over runs that differ in nothing but chance. */
export function meanOf(runs: readonly Figures[]): Figures {
  const mean = (of: (run: Figures) => number): number =>
    runs.reduce((sum, run) => sum + of(run), 0) / runs.length;
  return {
    sent: mean((run) => run.sent),
    attainment: mean((run) => run.attainment),
    p50Ms: mean((run) => run.p50Ms),
    p99Ms: mean((run) => run.p99Ms),
    replicaSeconds: mean((run) => run.replicaSeconds),
  };
}

/** The simulator's mean against the real run; what chance alone does among its runs is told beside. */
export function gapsOf(real: Figures, simulated: readonly Figures[]): readonly Gap[] {
  const mean = meanOf(simulated);
  const points = 100 * (mean.attainment - real.attainment);
  const shares = simulated.map(({ attainment }) => 100 * (attainment - real.attainment));
  const relative = (name: string, of: (run: Figures) => number, within: number): Gap => {
    const off = of(mean) / of(real) - 1;
    const all = simulated.map((run) => 100 * (of(run) / of(real) - 1));
    return {
      name,
      kept: Math.abs(off) <= within,
      found: `${of(real).toFixed(1)} and ${of(mean).toFixed(1)}: ${signed(100 * off)} %${spread(all)}`,
    };
  };
  return [
    {
      name: `attainment within ${WITHIN.attainmentPoints} points`,
      kept: Math.abs(points) <= WITHIN.attainmentPoints,
      found: `${percent(real.attainment)} and ${percent(mean.attainment)}: ${signed(points)} points${spread(shares)}`,
    },
    relative("p50 within 10 %", (run) => run.p50Ms, WITHIN.latency),
    relative("p99 within 10 %", (run) => run.p99Ms, WITHIN.latency),
    relative("replica-seconds within 5 %", (run) => run.replicaSeconds, WITHIN.replicaSeconds),
  ];
}

/** The least and the most of single runs. */
function spread(all: readonly number[]): string {
  return all.length < 2 ? "" : `, single runs ${signed(Math.min(...all))} to ${signed(Math.max(...all))}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;
}
