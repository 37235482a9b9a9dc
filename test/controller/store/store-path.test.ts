import assert from "node:assert/strict";
import { test } from "node:test";
import { stateFolder, storePath } from "../../../controller/store/index.ts";

test("the state folder is ours by name, else XDG's, else the home's", () => {
  const home = "/home/anna";
  assert.equal(stateFolder({}, home), "/home/anna/.local/state/shoal");
  assert.equal(stateFolder({ XDG_STATE_HOME: "/state" }, home), "/state/shoal");
  assert.equal(stateFolder({ XDG_STATE_HOME: "state" }, home), "/home/anna/.local/state/shoal");
  assert.equal(stateFolder({ XDG_STATE_HOME: "" }, home), "/home/anna/.local/state/shoal");
  assert.equal(stateFolder({ SHOAL_STATE_DIR: "/own", XDG_STATE_HOME: "/state" }, home), "/own");
});

test("a server's file is named by its admin port; one without a port of its own has none (1)", () => {
  assert.equal(storePath("/own", 8265), "/own/stores/8265.sqlite");
  assert.notEqual(storePath("/own", 8265), storePath("/own", 8266));
  assert.equal(storePath("/own", 0), undefined);
});
