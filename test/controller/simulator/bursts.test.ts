// Heavy bursts (coefficient of variation 4) far below the capacity: ours is not behind what each replica's own batcher does.

import assert from "node:assert/strict";
import { test } from "node:test";
import { cellOf, runCell } from "../../../controller/simulator/evaluation/fixed-cells.ts";
import { PROFILES } from "../../../controller/simulator/plant/service-profile.ts";
import { triton } from "../../../controller/simulator/systems/catalogue.ts";
import { shoal } from "../../../controller/simulator/systems/shoal.ts";
import type { SystemMaker } from "../../../controller/simulator/systems/serving-system.ts";

const SEEDS = [201, 202, 203, 204];

test("who is refused in a burst is no reason to refuse those of the next one", async () => {
  const cell = cellOf(PROFILES.resnet, 4, 4);
  const missed = async (system: SystemMaker): Promise<number> => {
    let share = 0;
    for (const seed of SEEDS) {
      const { attainment } = await runCell(cell, system, { perSecond: 0.3 * cell.capacity, seed });
      share += (1 - attainment) / SEEDS.length;
    }
    return share;
  };
  const [ours, theirs] = [await missed(shoal()), await missed(triton({ maxBatch: 16 }))];
  assert(ours < 0.012 && ours < theirs, `${ours} missed, ${theirs} by a batcher per replica`);
});
