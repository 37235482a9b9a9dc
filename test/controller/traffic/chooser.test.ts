import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { Chooser, type RequestHeaders } from "../../../controller/traffic/chooser.ts";
import { cookieIn } from "../../../controller/traffic/cookies.ts";
import { moveSlots } from "../../../controller/traffic/slots.ts";
import { SLOTS, type TrafficTable } from "../../../controller/traffic/table.ts";
import { checkProperty } from "../../support/properties.ts";
import { randomFrom, table } from "./support.ts";

const KEYS = Array.from({ length: 20_000 }, (_, index) => `session-${index}`);

describe("by chance", () => {
  test("every version has its share of the chances, to the slot", () => {
    const chooser = new Chooser(table([90, 9.99, 0, 0.01]));
    const counts = [0, 0, 0, 0];
    for (let slot = 0; slot < SLOTS; slot++) {
      const version = chooser.byChance((slot + 0.5) / SLOTS);
      counts[version] = (counts[version] ?? 0) + 1;
    }
    assert.deepEqual(counts, [9_000, 999, 0, 1]);
    assert.equal(chooser.byChance(0), 0);
    assert.equal(chooser.byChance(1 - 2 ** -53), 3);
  });
});

describe("by rules", () => {
  const rules: TrafficTable["rules"] = [
    { headers: { "x-beta": "1" }, cookies: {}, version: 1 },
    { headers: { "x-beta": "*" }, cookies: { group: "a" }, version: 2 },
    { headers: {}, cookies: { tester: "*" }, version: 3 },
  ];
  const chooser = new Chooser(table([100, 0, 0, 0], { rules }));

  for (const [what, headers, version] of [
    ["a header of that value", { "x-beta": "1", cookie: "group=a" }, 1],
    ["a header of any value and a cookie", { "x-beta": "yes", cookie: "x=y; group=a" }, 2],
    ["a cookie of any value", { cookie: "tester=" }, 3],
    ["a header that came twice, by the first", { "x-beta": ["1", "2"] }, 1],
    ["nothing of it", {}, undefined],
    ["half of it", { "x-beta": "yes", cookie: "group=b" }, undefined],
    ["the value in another case", { "x-beta": "I" }, undefined],
    ["a cookie whose name only ends so", { cookie: "mytester=1" }, undefined],
  ] as const satisfies readonly (readonly [string, RequestHeaders, number | undefined])[]) {
    test(`${what} goes to ${version ?? "none"}`, () => assert.equal(chooser.matched(headers), version));
  }
});

describe("by session", () => {
  test("the key is a cookie's value, or a header's, and nothing when there is none", () => {
    const cookie = new Chooser(table([100], { sticky: { kind: "cookie", name: "s", maxAgeMs: 1 } }));
    assert.equal(cookie.sessionOf({ cookie: "a=1; s=abc" }), "abc");
    assert.equal(cookie.sessionOf({ cookie: "s=" }), undefined);
    assert.equal(cookie.sessionOf({ s: "abc" }), undefined);
    const header = new Chooser(table([100], { sticky: { kind: "header", name: "x-user" } }));
    assert.equal(header.sessionOf({ "x-user": "me" }), "me");
    assert.equal(header.sessionOf({}), undefined);
    assert.equal(new Chooser(table([100])).sessionOf({ cookie: "s=1" }), undefined);
  });

  test("keys spread by the shares", () => {
    const chooser = new Chooser(table([70, 20, 10]));
    const counts = [0, 0, 0];
    for (const key of KEYS) counts[chooser.ofSession(key)] = (counts[chooser.ofSession(key)] ?? 0) + 1;
    // 20,000 keys: four standard deviations are 1.3 % of all.
    for (const [index, share] of [0.7, 0.2, 0.1].entries()) {
      assert(Math.abs((counts[index] ?? 0) / KEYS.length - share) < 0.013, counts.join(" "));
    }
  });

  test("only sessions that must move do when weights move, and all of them to who gains (invariant 2)", () => {
    const before = table([60, 30, 10]);
    const after = { ...before, slots: moveSlots(before.slots, [4_000, 3_000, 3_000]) };
    const [was, is] = [new Chooser(before), new Chooser(after)];
    const moved = KEYS.filter((key) => was.ofSession(key) !== is.ofSession(key));
    for (const key of moved) assert.deepEqual([was.ofSession(key), is.ofSession(key)], [0, 2]);
    assert(Math.abs(moved.length / KEYS.length - 0.2) < 0.013, `${moved.length}`);
  });

  test("two applications do not give the same people to their canaries", () => {
    const [one, other] = ["one", "other"].map((application) => new Chooser(table([90, 10], { application })));
    const both = KEYS.filter((key) => one?.ofSession(key) === 1 && other?.ofSession(key) === 1);
    assert(both.length / KEYS.length < 0.02, `${both.length}`);
  });

  test("a version that cannot answer keeps its sessions for later (invariant 3)", () => {
    const well = table([50, 50], { rules: [{ headers: { a: "1" }, cookies: {}, version: 1 }] });
    const ill = {
      ...well,
      versions: [
        { deployment: "v0", answers: 0 },
        { deployment: "v1", answers: 0 },
      ],
    };
    const [was, is] = [new Chooser(well), new Chooser(ill)];
    assert(KEYS.some((key) => was.ofSession(key) === 1));
    assert(KEYS.every((key) => is.ofSession(key) === 0));
    assert.deepEqual([is.byChance(0.99), is.matched({ a: "1" })], [0, 0]);
  });
});

describe("cookies", () => {
  const name = fc.stringMatching(/^[a-c]{1,3}$/);
  const value = fc.stringMatching(/^[a-c=]{0,3}$/);

  test("are found as a parser of all of them finds them", (t) => {
    const jar = fc.array(fc.tuple(name, value), { maxLength: 6 });
    checkProperty(
      t,
      fc.property(jar, name, fc.constantFrom("; ", ";", " ; "), (cookies, wanted, separator) => {
        const header = cookies.map(([key, text]) => `${key}=${text}`).join(separator);
        const first = cookies.find(([key]) => key === wanted);
        assert.equal(cookieIn(header, wanted), first?.[1]);
      }),
      1000,
    );
  });

  test("may be in quotes; nonsense has none", () => {
    assert.equal(cookieIn('a="b c"; d=e', "a"), "b c");
    for (const header of [undefined, "", ";", "a", "=", " a = 1", ";;;a;"])
      assert.equal(cookieIn(header, "a"), undefined);
  });

  test("no header takes the reader out of its bounds", (t) => {
    checkProperty(
      t,
      fc.property(fc.string(), name, (header, wanted) => void cookieIn(header, wanted)),
      1000,
    );
  });
});

test("a chooser made again from its table as JSON chooses the same", () => {
  const original = table([50, 30, 20], { sticky: { kind: "header", name: "x" } });
  const copy = JSON.parse(JSON.stringify(original)) as TrafficTable;
  assert.deepEqual(copy, original);
  const random = randomFrom(1);
  const [one, other] = [new Chooser(original), new Chooser(copy)];
  for (let index = 0; index < 1000; index++) {
    const key = String(random());
    assert.equal(one.ofSession(key), other.ofSession(key));
  }
});
