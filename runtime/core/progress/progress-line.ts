// What progress says in one line. Pure.

export interface Progress {
  readonly label: string;
  readonly done: number;
  /** Of `done`, those that failed. */
  readonly failed: number;
  readonly total: number;
  readonly elapsedMs: number;
}

const BAR_CHARS = 20;

/** `square [=====>    ] 512/1000 51% 98.3/s, 2 failed, 5 s left`. */
export function progressLine(progress: Progress): string {
  const { label, done, failed, total, elapsedMs } = progress;
  const ratio = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.round(ratio * BAR_CHARS);
  const bar = `${"=".repeat(filled)}${filled < BAR_CHARS ? ">" : ""}`.padEnd(BAR_CHARS).slice(0, BAR_CHARS);
  const leftMs = done === 0 ? undefined : (elapsedMs / done) * Math.max(0, total - done);
  return [
    `${label} [${bar}] ${done}/${total} ${Math.floor(ratio * 100)}% ${rateOf(progress)}`,
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(leftMs === undefined ? [] : [`${duration(leftMs)} left`]),
  ].join(", ");
}

/** `square: 1000 done in 10 s, 98.3/s, 2 failed`. */
export function progressSummary(progress: Progress): string {
  const { label, done, failed, total, elapsedMs } = progress;
  const of = done === total ? "" : ` of ${total}`;
  return [
    `${label}: ${done}${of} done in ${duration(elapsedMs)}`,
    rateOf(progress),
    ...(failed === 0 ? [] : [`${failed} failed`]),
  ].join(", ");
}

function rateOf({ done, elapsedMs }: Progress): string {
  const perSecond = elapsedMs > 0 ? (done * 1_000) / elapsedMs : 0;
  return `${perSecond.toFixed(perSecond < 100 ? 1 : 0)}/s`;
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [hours, ...rest] = parts.map((part) => String(part).padStart(2, "0"));
  return parts[0] === 0 ? rest.join(":") : `${hours}:${rest.join(":")}`;
}
