// The command line: what it makes of options, what it refuses, and the command itself in a process of its own.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseCommandLine, readProfile } from "../../../loadtests/open-loop/command-line.ts";
import { HELP } from "../../../loadtests/open-loop/help.ts";
import { type OpenLoopReport, runOpenLoop } from "../../../loadtests/open-loop/index.ts";
import { warningsOf } from "../../../loadtests/open-loop/warnings.ts";
import { answer, FarSide, nobody, type Received } from "./far-side.ts";

const MAIN = fileURLToPath(new URL("../../../loadtests/open-loop/main.ts", import.meta.url));
const BASE = ["--url", "http://127.0.0.1:1/x", "--rate", "5", "--duration", "1s"];

async function temporaryFolder(): Promise<
  AsyncDisposable & { readonly file: (name: string, content?: string) => Promise<string> }
> {
  const folder = await mkdtemp(join(tmpdir(), "shoal-load-"));
  return {
    async file(name, content) {
      const path = join(folder, name);
      if (content !== undefined) await writeFile(path, content);
      return path;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

async function command(
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

test("every option arrives where it belongs", async () => {
  const line =
    "--url http://a/ --url http://b/ --method PUT --body {} --rate 12.5 --duration 2m --requests 7 --seed 9 " +
    "--arrivals gamma --cv 3 --profile step:at=10s,factor=8 --timeout 1500ms --max-connections 3 --retries 2 " +
    "--pacing spin --id-prefix run-1 --slo 50ms --json --timeline out.jsonl";
  const parsed = await parseCommandLine([...line.split(" "), "--header", "X-Tenant: blue: 1"]);
  const request = {
    method: "PUT",
    headers: { "content-type": "application/json", "x-tenant": "blue: 1" },
    body: "{}",
  };
  assert.deepEqual(parsed, {
    options: {
      requests: [
        { name: "http://a/", url: "http://a/", ...request },
        { name: "http://b/", url: "http://b/", ...request },
      ],
      arrivals: {
        kind: "rate",
        ratePerSecond: 12.5,
        process: { kind: "gamma", cv: 3 },
        profile: { kind: "step", atMs: 10_000, factor: 8 },
      },
      durationMs: 120_000,
      maxRequests: 7,
      seed: 9,
      timeoutMs: 1500,
      maxConnections: 3,
      retries: 2,
      sloMs: 50,
      pacing: "spin",
      idPrefix: "run-1",
    },
    json: true,
    timeline: "out.jsonl",
  });
  assert.equal(await parseCommandLine(["--help"]), undefined);
});

test("every profile can be written", () => {
  const written = {
    flat: { kind: "flat" },
    "step:at=1s,factor=2,until=3s": { kind: "step", atMs: 1000, factor: 2, untilMs: 3000 },
    "ramp:from=0s,until=1m,factor=4": { kind: "ramp", fromMs: 0, untilMs: 60_000, factor: 4 },
    "doubling:every=30s,max=16": { kind: "doubling", everyMs: 30_000, maxFactor: 16 },
    "spikes:every=300s,length=15s,factor=8": {
      kind: "spikes",
      everyMs: 300_000,
      lengthMs: 15_000,
      factor: 8,
    },
    "square:period=20s,duty=0.5": { kind: "square", periodMs: 20_000, duty: 0.5 },
    "mmpp:factors=1/8,means=30s/5s": { kind: "mmpp", factors: [1, 8], meansMs: [30_000, 5000] },
    conv: { kind: "conv" },
    "code:compress=60": { kind: "code", compress: 60 },
    twitter: { kind: "twitter" },
  };
  for (const [written_, profile] of Object.entries(written)) assert.deepEqual(readProfile(written_), profile);
  for (const name of Object.keys(written)) assert.ok(HELP.includes(name.split(":")[0] ?? "?"), name);
});

test("a trace comes cut, compressed and scaled; classes come from a file", async () => {
  await using folder = await temporaryFolder();
  const trace = await folder.file("t.csv", "when\n0\n10\n20\n30\n");
  const classes = await folder.file(
    "c.json",
    JSON.stringify([
      {
        name: "a",
        url: "http://a/",
        body: { x: 1 },
        weight: 2,
        timeoutMs: 5,
        headers: { "x-priority": "high" },
      },
      { name: "b", url: "http://b/" },
    ]),
  );
  const line =
    `--trace ${trace} --trace-column when --trace-from 10s --trace-for 20s --compress 10 ` +
    `--scale 2 --scale-mode independent --classes ${classes}`;
  const parsed = await parseCommandLine(line.split(" "));
  const headers = { "content-type": "application/json", "x-priority": "high" };
  assert.deepEqual(parsed?.options.requests, [
    { name: "a", weight: 2, timeoutMs: 5, url: "http://a/", headers, body: '{"x":1}' },
    { name: "b", url: "http://b/", headers: {} },
  ]);
  const { arrivals } = parsed.options;
  assert.ok(arrivals.kind === "times");
  assert.equal(arrivals.timesMs.length, 6);
});

test("bad options are refused with what was found and wanted", async () => {
  await using folder = await temporaryFolder();
  const file = (name: string, content: string) => folder.file(name, content);
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /found no --url and no --classes/],
    [["--url", "http://a"], /found no --rate and no --trace/],
    [["--url", "http://a", "--rate", "5"], /Cannot use duration "none"/],
    [[...BASE, "--frobnicate"], /Unknown option '--frobnicate'/],
    [[...BASE, "--url", "https://a"], /Cannot use requests\[1\]\.url "https:\/\/a": .*https is not spoken/],
    [[...BASE, "--url", "127.0.0.1:80"], /Cannot use requests\[1\]\.url/],
    [[...BASE, "--url", BASE[1] ?? ""], /two classes named "http:\/\/127\.0\.0\.1:1\/x"/],
    [[...BASE, "--rate", "many"], /Cannot use --rate "many": wanted a number/],
    [[...BASE, "--rate", "0"], /Cannot use rate "0": wanted a number from 0\.001 to 1000000/],
    [[...BASE, "--duration", "1"], /Cannot use --duration "1": wanted a duration such as/],
    [[...BASE, "--requests", "1.5"], /Cannot use maxRequests "1\.5": wanted a whole number from 1/],
    [[...BASE, "--seed=-1"], /Cannot use seed "-1"/],
    [[...BASE, "--method", "HEAD"], /Cannot use method "HEAD": wanted GET/],
    [[...BASE, "--header", "no colon"], /Cannot use --header "no colon"/],
    [
      [...BASE, "--header", "host: x"],
      /Cannot use headers "host": wanted a header that the generator does not set/,
    ],
    [[...BASE, "--header", "a b: x"], /Cannot use headers "a b": wanted a header name/],
    [[...BASE, "--header", "a: x\r\nb: y"], /wanted visible ASCII/],
    [[...BASE, "--body", "@/nowhere"], /ENOENT.*\/nowhere/],
    [[...BASE, "--arrivals", "weekly"], /Cannot use --arrivals "weekly": wanted poisson, constant, gamma/],
    [[...BASE, "--arrivals", "gamma"], /it needs --cv/],
    [[...BASE, "--cv", "2"], /Cannot use --cv with --arrivals poisson/],
    [[...BASE, "--arrivals", "gamma", "--cv", "0"], /Cannot use cv "0"/],
    [[...BASE, "--profile", "hill"], /Cannot use --profile "hill": wanted flat, step/],
    [[...BASE, "--profile", "step:at=1s"], /"step": it needs factor=/],
    [[...BASE, "--profile", "step:at=1s,factor=2,by=3"], /"step": it has no "by"/],
    [[...BASE, "--profile", "step:at"], /found "at", wanted key=value/],
    [
      [...BASE, "--profile", "ramp:from=2s,until=1s,factor=2"],
      /profile ramp until "1000": wanted a number above 2000/,
    ],
    [[...BASE, "--profile", "mmpp:factors=1/2,means=1s"], /2 factors and 1 means/],
    [[...BASE, "--profile", "mmpp:factors=0/0,means=1s/1s"], /only zeros/],
    [[...BASE, "--profile", "square:period=1s,duty=1.5"], /profile square duty "1\.5"/],
    [[...BASE, "--compress", "2"], /Cannot use --compress: there is no --trace/],
    [[...BASE, "--trace", "t.csv"], /Cannot use --rate with --trace/],
    [["--url", "http://a", "--trace", "/nowhere.csv"], /\/nowhere\.csv/],
    [["--url", "http://a", "--trace", await file("t.csv", "1\n2\n"), "--scale", "0"], /--scale "0"/],
    [
      ["--url", "http://a", "--trace", await file("u.csv", "1\n2\n"), "--trace-from", "1h"],
      /Cannot use arrivals "no times"/,
    ],
    [[...BASE, "--classes", "c.json"], /Cannot use --classes with --url/],
    [["--classes", await file("a.json", "[{]"), "--rate", "1"], /Cannot read classes ".*a\.json"/],
    [["--classes", await file("b.json", "{}"), "--rate", "1"], /wanted a list/],
    [["--classes", await file("c.json", "[]"), "--rate", "1"], /Cannot use requests "none"/],
    [
      ["--classes", await file("d.json", '[{"url": "http://a", "wait": 1}]'), "--rate", "1"],
      /\[0\] of classes .*found "wait"/,
    ],
    [
      ["--classes", await file("e.json", '[{"url": "http://a", "weight": "1"}]'), "--rate", "1"],
      /weight of \[0\]/,
    ],
    [
      [
        "--classes",
        await file("f.json", '[{"url": "http://a", "weight": 0}]'),
        "--rate",
        "1",
        "--duration",
        "1s",
      ],
      /weight "only zeros"/,
    ],
    [[...BASE, "--max-connections", "0"], /Cannot use maxConnections "0"/],
    [[...BASE, "--timeout", "2h"], /Cannot use timeout "7200000": wanted a number above 0 to 3600000/],
    [[...BASE, "--pacing", "slow"], /Cannot use --pacing "slow": wanted timer, spin/],
    [[...BASE, "--id-prefix", "a b"], /Cannot use idPrefix "a b"/],
    [[...BASE, "--timeline", "rows.txt"], /ends in \.csv or \.jsonl/],
  ];
  for (const [args, message] of cases)
    await assert.rejects(parseCommandLine(args), { message }, args.join(" "));
});

test("a host that nobody knows, and times that go back, are refused by the library", async () => {
  const arrivals = { kind: "times", timesMs: [0] } as const;
  await assert.rejects(
    runOpenLoop({ requests: [{ url: "http://nobody.invalid/" }], arrivals }),
    /Cannot find host "nobody\.invalid"/,
  );
  const back = { kind: "times", timesMs: [1, 0] } as const;
  await assert.rejects(
    runOpenLoop({ requests: [{ url: "http://127.0.0.1:1" }], arrivals: back }),
    /found|ascending/,
  );
});

test("the command prints a table, JSON and a timeline, and exits with 0", async () => {
  await using folder = await temporaryFolder();
  await using far = await FarSide.listen(({ socket, id }) =>
    socket.write(id.endsWith("3") ? answer(429, '{"code": "QUEUE_FULL"}') : answer(200)),
  );
  const timeline = await folder.file("rows.csv");
  const args = [
    "--url",
    far.url,
    "--rate",
    "400",
    "--requests",
    "40",
    "--slo",
    "60s",
    "--timeline",
    timeline,
  ];
  const table = await command(args);
  assert.equal(table.code, 0, table.stderr);
  assert.match(table.stdout, /^40 requests in/);
  assert.match(table.stdout, /^sent +40 +100\.00$/m);
  assert.match(table.stdout, /^answered 429 QUEUE_FULL +4 +10\.00$/m);
  assert.match(table.stdout, /^ {2}within the objective +36 +90\.00$/m);
  assert.match(await readFile(timeline, "utf8"), /^second,[^\n]*\n0,40,36,4,.*"429 QUEUE_FULL=4"\n$/);
  const json = await command([...args, "--json"]);
  const report = JSON.parse(json.stdout) as OpenLoopReport;
  assert.deepEqual([report.sent, report.ok, report.failed, report.attainment], [40, 36, 4, 0.9]);
});

test("Ctrl-C ends the sending and waits for what is under way; the report says so", async () => {
  const first = Promise.withResolvers<void>();
  const held: Received[] = [];
  await using far = await FarSide.listen((request) => {
    held.push(request);
    first.resolve();
  });
  const args = [MAIN, "--url", far.url, "--rate", "100", "--duration", "1h", "--json"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const stdout = text(child.stdout);
  const closed = once(child, "close");
  await first.promise;
  child.kill("SIGINT");
  // What was sent before the signal got there is answered until the command has ended.
  const answering = setInterval(() => {
    for (const { socket } of held.splice(0)) socket.write(answer(200));
  }, 5);
  assert.deepEqual(await closed, [0, null]);
  clearInterval(answering);
  const report = JSON.parse(await stdout) as OpenLoopReport;
  assert.equal(report.interrupted, true);
  assert.ok(report.sent >= 1 && report.ok === report.sent, `${report.ok} of ${report.sent}`);
});

test("a timeline that cannot be written is told before anything is sent", async () => {
  await using far = await FarSide.listen(({ socket }) => socket.write(answer(200)));
  const args = ["--url", far.url, "--rate", "100", "--requests", "1", "--timeline", "/nowhere/rows.csv"];
  const { code, stderr } = await command(args);
  assert.equal(code, 1);
  assert.match(stderr, /\/nowhere\/rows\.csv/);
  assert.equal(far.received.length, 0);
});

test("the command says with its exit code that nothing answered, and that options were bad", async () => {
  const refused = await command(["--url", await nobody(), "--rate", "400", "--requests", "4"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stdout, /^refused: ECONNREFUSED +4 +100\.00$/m);
  const bad = await command(["--url", "ftp://a", "--rate", "1", "--duration", "1s"]);
  assert.deepEqual([bad.code, bad.stdout], [2, ""]);
  assert.match(bad.stderr, /^Cannot use url "ftp:\/\/a"/);
  const help = await command(["--help"]);
  assert.deepEqual([help.code, help.stdout], [0, `${HELP}\n`]);
});

test("the generator says when it was itself at fault", async () => {
  await using far = await FarSide.listen(({ socket }) => socket.write(answer(200)));
  const arrivals = { kind: "times", timesMs: [0, 1, 2] } as const;
  const report = await runOpenLoop({ requests: [{ url: far.url }], arrivals });
  const calm = {
    ...report,
    lag: { ...report.lag, p99Ms: 0.4 },
    latency: { ...report.latency, p99Ms: 1 },
    cpuMs: 10,
    elapsedMs: 1000,
  };
  const warn = (changes: Partial<OpenLoopReport>): string =>
    warningsOf({ ...calm, ...changes }, { maxConnections: 9 }).join("\n");
  assert.equal(warn({}), "");
  assert.match(
    warn({ lag: { ...calm.lag, p99Ms: 0.9 } }),
    /late: lag p99 0\.900 ms, latency p99 1\.00 ms; spin pacing/,
  );
  assert.match(warn({ lag: { ...calm.lag, p99Ms: 30 } }), /late: .* too little CPU/);
  assert.equal(warn({ lag: { ...calm.lag, p99Ms: 30 }, latency: { ...calm.latency, p99Ms: 301 } }), "");
  assert.match(
    warn({ refusedBy: { EMFILE: 3 } }),
    /This machine refused connections, not the server: EMFILE/,
  );
  assert.match(warn({ cpuMs: 950 }), /95 % of a core/);
});
