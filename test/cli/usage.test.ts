// What the command says of itself, and of a command line that is wrong.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SHOAL_VERSION } from "../../runtime/base/index.ts";
import { shoal } from "../support/command.ts";

describe("--help", { timeout: 60_000 }, () => {
  for (const [args, ...wanted] of [
    [["--help"], /serve/, /Examples:/, /Exit status:/, /3 {2}no running server/],
    [
      ["serve", "--help"],
      /run \[options\] \[config\.\.\.\]/,
      /deploy/,
      /history/,
      /rollback/,
      /delete/,
      /status/,
      /config/,
      /shutdown/,
    ],
    [
      ["serve", "run", "--help"],
      /\[config\.\.\.\]/,
      /--watch/,
      /--data-dir <folder>.*SHOAL_DATA_DIR/s,
      /--no-store/,
      /--host <host>.*127\.0\.0\.1.*SHOAL_HOST/s,
      /--port <port>.*8000.*SHOAL_PORT/s,
      /--admin-port <port>.*8265.*SHOAL_ADMIN_PORT/s,
      /--log-level <level>.*SHOAL_LOG_LEVEL/s,
      /Flags win over environment variables/,
      /SHOAL_ADMIN_TOKEN/,
      /Exit status:/,
    ],
    [
      ["serve", "deploy", "--help"],
      /<config\.\.\.>/,
      /--dry-run/,
      /--no-wait/,
      /--timeout <seconds>.*600/s,
      /null deletes/,
    ],
    [["serve", "history", "--help"], /\[application\]/, /--json/, /Exit status:/],
    [["serve", "rollback", "--help"], /<application>.*\[release\]/s, /--no-wait/, /Exit status:/],
    [["serve", "delete", "--help"], /<application>/, /Exit status:/],
    [["serve", "status", "--help"], /--json/, /--check/, /--admin-port/, /Exit status:/],
    [["serve", "config", "--help"], /\[files\.\.\.\]/, /--json/, /Exit status:/],
    [["serve", "shutdown", "--help"], /--timeout <seconds>.*60/s, /Exit status:/],
  ] as const) {
    it(`tells all of ${args.slice(0, -1).join(" ") || "shoal"}`, async () => {
      const { code, stdout, stderr } = await shoal(args);
      assert.deepEqual([code, stderr], [0, ""]);
      for (const part of wanted) assert.match(stdout, part);
    });
  }

  it("is at hand: the version on standard output", async () => {
    assert.deepEqual(await shoal(["--version"]), { code: 0, stdout: `${SHOAL_VERSION}\n`, stderr: "" });
  });
});

describe("a wrong command line", { timeout: 60_000 }, () => {
  for (const [what, args, env, wanted] of [
    ["an unknown command", ["serve", "runn"], {}, /unknown command 'runn'[^]*Did you mean run/],
    ["no config", ["serve", "deploy"], {}, /missing required argument 'config'/],
    [
      "a release that is no number",
      ["serve", "rollback", "x", "last"],
      {},
      /found "last", wanted the number/,
    ],
    ["an unknown flag", ["serve", "run", "x", "--prot", "1"], {}, /unknown option '--prot'/],
    [
      "a port beyond 65535",
      ["serve", "run", "x", "--port", "65536"],
      {},
      /found "65536", wanted a port from 0/,
    ],
    ["a port that is no number", ["serve", "run", "x", "--admin-port", "1e3"], {}, /found "1e3"/],
    [
      "a port of the environment",
      ["serve", "run", "x"],
      { SHOAL_PORT: "abc" },
      /from env 'SHOAL_PORT'.*"abc"/,
    ],
    ["an unknown level", ["serve", "run", "x", "--log-level", "loud"], {}, /loud.*trace, debug, info/],
    [
      "a timeout that is no number",
      ["serve", "shutdown", "--timeout", "soon"],
      {},
      /found "soon", wanted seconds/,
    ],
  ] as const) {
    it(`is named: ${what}; exit status 2`, async () => {
      const { code, stdout, stderr } = await shoal(args, env);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, wanted);
      assert(!stderr.includes("    at "), stderr);
    });
  }
});
