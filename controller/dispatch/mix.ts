// Who asks for how much: rows per second by priority and tenant, over the last second or so, refused ones included.
//
// 1. Nobody is remembered who asked for nothing of late: with more than `MOST` tenants the quiet ones are forgotten.

const MEMORY_MS = 1_000;
const MOST = 4_096;
/** Rows left of a tenant's count below which it is as good as none. */
const QUIET = 0.01;

class Fading {
  #rows = 0;
  #atMs = 0;

  add(rows: number, nowMs: number): void {
    this.#rows = this.rowsAt(nowMs) + rows;
    this.#atMs = nowMs;
  }

  /** Rows that came, the older the less. */
  rowsAt(nowMs: number): number {
    return this.#rows * Math.exp((this.#atMs - nowMs) / MEMORY_MS);
  }

  perSecondAt(nowMs: number): number {
    return (this.rowsAt(nowMs) * 1_000) / MEMORY_MS;
  }
}

interface Band {
  readonly all: Fading;
  readonly tenants: Map<string, Fading>;
}

export class ArrivalMix {
  readonly #bands: Band[] = [];

  add(band: number, tenant: string, { rows, nowMs }: { rows: number; nowMs: number }): void {
    const { all, tenants } = (this.#bands[band] ??= { all: new Fading(), tenants: new Map() });
    all.add(rows, nowMs);
    let own = tenants.get(tenant);
    if (own === undefined) {
      if (tenants.size >= MOST) forget(tenants, nowMs); // invariant 1
      own = new Fading();
      tenants.set(tenant, own);
    }
    own.add(rows, nowMs);
  }

  /** Rows per second of all higher priorities. */
  above(band: number, nowMs: number): number {
    let sum = 0;
    for (let higher = 0; higher < band; higher++) sum += this.#bands[higher]?.all.perSecondAt(nowMs) ?? 0;
    return sum;
  }

  /** Rows per second of one tenant in a priority. */
  of(band: number, tenant: string, nowMs: number): number {
    return this.#bands[band]?.tenants.get(tenant)?.perSecondAt(nowMs) ?? 0;
  }

  /** Rows per second of the others in its priority. */
  beside(band: number, tenant: string, nowMs: number): number {
    const all = this.#bands[band]?.all.perSecondAt(nowMs) ?? 0;
    return Math.max(0, all - this.of(band, tenant, nowMs));
  }
}

function forget(tenants: Map<string, Fading>, nowMs: number): void {
  for (const [name, own] of tenants) {
    if (own.rowsAt(nowMs) < QUIET) tenants.delete(name);
  }
  if (tenants.size >= MOST) tenants.clear(); // thousands within a second: none of them is much
}
