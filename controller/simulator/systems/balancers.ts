// Which replica a request goes to, for systems with a queue per replica.

import type { Random } from "../kernel/random.ts";
import type { Station } from "./station.ts";

/** The one of these for the next request; undefined when there is none. */
export type Balancer = (stations: readonly Station[], random: Random) => Station | undefined;

/** The shortest queue, what runs included; a coin decides between equals. */
export const leastQueue: Balancer = (stations, random) => {
  let best: Station | undefined;
  let equals = 0;
  for (const station of stations) {
    if (best === undefined || station.ongoing < best.ongoing) {
      best = station;
      equals = 1;
    } else if (station.ongoing === best.ongoing && random.below(++equals) === 0) best = station;
  }
  return best;
};

/** The shorter queue of two drawn at random. */
export const powerOfTwo: Balancer = (stations, random) => {
  if (stations.length < 2) return stations[0];
  const first = random.below(stations.length);
  const second = (first + 1 + random.below(stations.length - 1)) % stations.length;
  const [one, other] = [stations[first], stations[second]];
  if (one === undefined || other === undefined) return one;
  return one.ongoing <= other.ongoing ? one : other;
};
