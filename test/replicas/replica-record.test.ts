// What a replica leaves beside its socket for whoever finds it.

import assert from "node:assert/strict";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readReplicaRecord, removeReplicaRecord } from "../../replicas/index.ts";
import { Replica } from "../../replicas/replica.ts";
import { TestFolder } from "./support.ts";

const MODULE = `
let settings;
export class Model {
  start({ userConfig }) { settings = userConfig; }
  async reconfigure(userConfig) {
    await new Promise((resolve) => setTimeout(resolve, userConfig.ms));
    if (userConfig.fail) throw new Error("told to fail");
    settings = userConfig;
  }
  infer() { return {}; }
}
`;

async function start(folder: string, more: object = {}): Promise<Replica> {
  const path = join(folder, "model.mjs");
  await writeFile(path, MODULE);
  const engine = {
    engine: "module",
    path,
    deployment: "model",
    numCpus: 1,
    options: { export: "Model" },
    userConfig: { ms: 0 },
    maxBatchSize: 1,
  };
  return await Replica.start({
    engine,
    replicaId: "model#4",
    socketFolder: folder,
    logLevel: "silent",
    ...more,
  });
}

test("it says what the replica is and was told last; a reconfigure that fails changes nothing", async () => {
  await using folder = await TestFolder.make();
  const replica = await start(folder.path, { note: { version: 1 } });
  const first = await readReplicaRecord(folder.path, process.pid);
  assert.deepEqual([first?.replicaId, first?.note], ["model#4", { version: 1 }]);
  assert.deepEqual(first?.info, replica.describe());
  assert.equal(first?.configuredEpochMs, first?.readyEpochMs);
  assert.equal((await stat(join(folder.path, `${process.pid}.json`))).mode & 0o777, 0o600);
  // The slower one was asked first, and is over first.
  const both = [
    replica.reconfigure({ ms: 30 }, { version: 2 }),
    replica.reconfigure({ ms: 0 }, { version: 3 }),
  ];
  await Promise.all(both);
  assert.deepEqual((await readReplicaRecord(folder.path, process.pid))?.note, { version: 3 });
  await assert.rejects(replica.reconfigure({ ms: 0, fail: true }, { version: 4 }), /told to fail/);
  assert.deepEqual((await readReplicaRecord(folder.path, process.pid))?.note, { version: 3 });
  await replica.stop();
  assert.deepEqual(await readdir(folder.path), ["model.mjs"]);
});

test("without a note there is none; what is no record is none (invariant 1)", async () => {
  await using folder = await TestFolder.make();
  const replica = await start(folder.path);
  assert.equal(await readReplicaRecord(folder.path, process.pid), undefined);
  await replica.stop();
  for (const text of ["", "{", "{}", '{"replicaId":"a#0","note":{}}']) {
    await writeFile(join(folder.path, "7.json"), text);
    assert.equal(await readReplicaRecord(folder.path, 7), undefined);
  }
  await removeReplicaRecord(folder.path, 7);
  await removeReplicaRecord(folder.path, 7);
  assert.equal((await readdir(folder.path)).includes("7.json"), false);
});
