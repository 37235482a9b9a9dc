// What is noted with a replica, and read again by another controller.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeConfig } from "../../controller/index.ts";
import { revisionOf } from "../../controller/reconcile/index.ts";
import { NoteReader, writeNote } from "../../controller/replica-note.ts";

const DEPLOYMENTS = [
  { name: "net", model: "/models/net.onnx", engine_options: { intra_op_num_threads: 2 } },
  {
    name: "code",
    module: "/code/model.ts:Model",
    user_config: { threshold: 0.5, labels: ["a", null] },
    autoscaling_config: { min_replicas: 0, max_replicas: 3, latency_slo_ms: 40 },
    max_ongoing_requests: 3,
  },
];

test("a revision comes back as it was, with its version, through JSON", () => {
  const decoded = decodeConfig(JSON.stringify({ applications: [{ deployments: DEPLOYMENTS }] }), {
    file: "/shoal.json",
  });
  assert(decoded.kind === "ok");
  const notes = new NoteReader();
  for (const config of decoded.value.applications[0]?.deployments ?? []) {
    const note = { key: `${config.name}@3`, revision: revisionOf(config, "files"), startedEpochMs: 12 };
    const written: unknown = JSON.parse(JSON.stringify(writeNote(note)));
    assert.deepEqual(notes.read(written), note);
    assert.equal(notes.read(written)?.revision, notes.read({ ...note, ...writeNote(note) })?.revision);
  }
});

test("what is no note is none", () => {
  const notes = new NoteReader();
  const version = { heavy: "", reconfigure: "", light: "" };
  for (const note of [undefined, null, "", {}, { key: "a@1", form: {}, version, startedEpochMs: 1 }])
    assert.equal(notes.read(note), undefined);
});
