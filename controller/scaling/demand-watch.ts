// What every deployment is asked, whoever decides how many replicas it has: for those outside who decide something by it.
//
// 1. It looks ten times a second, from `start` to `stop`.

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
  readonly load: LoadReading;
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

  /** As of the last look; undefined for one that was not there then. */
  of(deployment: string): LoadReading | undefined {
    return this.#watched.get(deployment)?.load;
  }

  #look(): void {
    const { all, clock, onLook } = this.#options;
    const watched = all().map(({ key, name, loads }): [string, Watched] => {
      const known = this.#watched.get(name);
      const meter = known?.key === key ? known.meter : new LoadMeter();
      return [name, { key, meter, load: meter.read(loads, clock.nowMs()) }];
    });
    this.#watched = new Map(watched);
    onLook();
  }
}
