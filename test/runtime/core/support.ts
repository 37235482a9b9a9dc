// What the tests of actors share: starting one, waiting for a state or a line, looking for processes left.

import { readdirSync, readFileSync } from "node:fs";
import {
  type ActorOptions,
  type ActorState,
  type ActorTransition,
  ProcessActor,
} from "../../../runtime/core/index.ts";
import type { Probe } from "./fixtures/probe.ts";

export const PROBE = new URL("./fixtures/probe.ts", import.meta.url);
export const LIFECYCLES = new URL("./fixtures/lifecycles.ts", import.meta.url);

export function startProbe(
  options: Partial<ActorOptions<typeof Probe>> = {},
): Promise<ProcessActor<typeof Probe>> {
  return ProcessActor.start<typeof Probe>({
    name: "probe",
    module: PROBE,
    exportName: "Probe",
    args: [],
    ...options,
  });
}

/** Values as they come, and waits for one that a test wants, past or future. */
export class Recorder<T> {
  readonly seen: T[] = [];
  readonly #waiting = new Set<() => void>();

  readonly add = (value: T): void => {
    this.seen.push(value);
    for (const look of this.#waiting) look();
  };

  until(wanted: (value: T) => boolean): Promise<T> {
    return new Promise((resolve) => {
      const look = (): void => {
        const index = this.seen.findIndex(wanted);
        if (index === -1) return;
        this.#waiting.delete(look);
        resolve(this.seen[index] as T);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

export class Transitions<Info> extends Recorder<ActorTransition<Info>> {
  async reached<Kind extends ActorState<Info>["kind"]>(
    kind: Kind,
    wanted: (state: Extract<ActorState<Info>, { kind: Kind }>) => boolean = () => true,
  ): Promise<void> {
    await this.until(({ to }) => to.kind === kind && wanted(to as Extract<ActorState<Info>, { kind: Kind }>));
  }

  get kinds(): string[] {
    return this.seen.map(({ from, to }) => `${from} → ${to.kind}`);
  }
}

/** Whether no process with this id runs; one that ended and was not collected counts as gone. */
export function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return true;
  }
  return statOf(pid)?.state === "Z";
}

/** Ids of the running children of this process; on systems without /proc none can be seen. */
export function childPids(): number[] {
  return processIds().filter((pid) => {
    const stat = statOf(pid);
    return stat !== undefined && stat.parent === process.pid && stat.state !== "Z";
  });
}

function processIds(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    // The name in brackets may hold anything; the fields start behind the last bracket.
    const [state = "", parent = ""] =
      readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}
