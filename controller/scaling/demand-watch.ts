// What every deployment is asked, whoever decides how many replicas it has: for those outside who decide something by it.
//
// 1. It looks ten times a second, from `start` to `stop`, and at one deployment whenever somebody asks about it: what has
//    come and gone meanwhile counts.

import type { Clock, Timer } from "../../runtime/base/index.ts";
import type { LoadReading } from "../autoscale/index.ts";
import type { GatewayLoad, GatewayPort } from "../routing/index.ts";
import { LoadMeter } from "./load-meter.ts";

export interface WatchedDeployment {
  /** Another one of the same name has another key. */
  readonly key: string;
  readonly name: string;
  readonly loads: ReadonlyMap<GatewayPort, GatewayLoad>;
}

export interface DemandWatchOptions {
  readonly clock: Clock;
  readonly all: () => readonly WatchedDeployment[];
  /** It has looked. */
  readonly onLook: () => void;
}

const LOOK_MS = 100;

interface Watched {
  readonly key: string;
  readonly meter: LoadMeter;
}

export class DemandWatch {
  readonly #options: DemandWatchOptions;
  #watched: ReadonlyMap<string, Watched> = new Map();
  #timer: Timer | undefined;

  constructor(options: DemandWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#look();
    this.#timer = this.#options.clock.timer(LOOK_MS, () => this.start());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Of now; undefined for one that was not there when it looked last. */
  of({ key, name, loads }: WatchedDeployment): LoadReading | undefined {
    const known = this.#watched.get(name);
    return known?.key === key ? known.meter.read(loads, this.#options.clock.nowMs()) : undefined;
  }

  #look(): void {
    const { all, clock, onLook } = this.#options;
    const watched = all().map(({ key, name, loads }): [string, Watched] => {
      const known = this.#watched.get(name);
      const meter = known?.key === key ? known.meter : new LoadMeter();
      meter.read(loads, clock.nowMs());
      return [name, { key, meter }];
    });
    this.#watched = new Map(watched);
    onLook();
  }
}
