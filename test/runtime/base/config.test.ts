import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { Type } from "typebox";
import {
  decodeDocument,
  fieldOf,
  fieldsOf,
  formatFault,
  MAX_CONFIG_BYTES,
  MAX_DEPTH,
  MAX_NODES,
  readConfigFile,
  type Rule,
  stringOf,
} from "../../../runtime/base/config/index.ts";

const Item = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 8 }),
    count: Type.Optional(Type.Integer({ minimum: 1, maximum: 9 })),
    share: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
    flag: Type.Optional(Type.Boolean()),
    level: Type.Optional(Type.Enum(["low", "high"])),
    size: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.String({ pattern: "^[0-9]+KiB$" })])),
    where: Type.Optional(
      Type.Union([Type.String(), Type.Object({ host: Type.String() }, { additionalProperties: false })]),
    ),
    units: Type.Optional(
      Type.Record(Type.String({ pattern: "^[a-z]+$" }), Type.Number(), { additionalProperties: false }),
    ),
    free: Type.Optional(Type.Unknown()),
  },
  { additionalProperties: false },
);
const schema = Type.Object(
  {
    items: Type.Array(Item, { minItems: 1 }),
    even: Type.Optional(Type.Integer({ "x-wanted": "an even number" })),
  },
  { additionalProperties: false },
);

const rules: Rule[] = [
  (root, report) => {
    for (const item of fieldsOf(fieldOf(root, "items"))) {
      const name = fieldOf(item, "name");
      if (name === undefined || stringOf(name) !== "taken") continue;
      report(name, { found: "a taken name", wanted: "another" });
    }
  },
];

function decode(source: string | Uint8Array) {
  return decodeDocument(source, { file: "f.yaml", schema, rules });
}

function faultsOf(source: string | Uint8Array): string[] {
  const outcome = decode(source);
  return outcome.kind === "ok" ? [] : outcome.faults.map(formatFault);
}

test("a document that fits is decoded, from YAML and from JSON, with tabs and with a byte order mark", () => {
  const value = { items: [{ name: "a", count: 2, free: { x: [1, null, "y"] } }] };
  const texts = [
    "items:\n  - name: a\n    count: 2\n    free: {x: [1, null, y]}\n",
    JSON.stringify(value, null, "\t"),
    `\uFEFF${JSON.stringify(value)}`,
    "%YAML 1.1\n---\nitems: [{name: a, count: 2, free: {x: [1, ~, y]}}]",
  ];
  for (const text of texts) {
    assert.deepEqual(decode(text), { kind: "ok", value });
    assert.deepEqual(decode(Buffer.from(text)), { kind: "ok", value });
  }
});

const faulty: [what: string, text: string, faults: string[]][] = [
  ["an empty file", "", ["f.yaml:1:1: found nothing, wanted a map"]],
  ["only a comment", "# hello\n", ["f.yaml:1:1: found nothing, wanted a map"]],
  ["another type", "[1]", ["f.yaml:1:1: found a list, wanted a map"]],
  ["a missing key", "even: 2\n", ["f.yaml:1:1: found nothing at items, wanted a list of at least 1"]],
  [
    "a missing key, at its parent",
    "items:\n  - count: 1\n",
    ["f.yaml:2:5: found nothing at items[0].name, wanted text of 1 to 8 characters"],
  ],
  [
    "an empty value, at its key",
    "items:\n",
    ["f.yaml:1:1: found nothing at items, wanted a list of at least 1"],
  ],
  ["an empty list", "items: []", ["f.yaml:1:8: found an empty list at items, wanted a list of at least 1"]],
  [
    "an unknown key with a known neighbour",
    "items: [{name: a}]\nitmes: 1\n",
    ['f.yaml:2:1: found the unknown key "itmes" at itmes, wanted a known key; did you mean "items"?'],
  ],
  [
    "an unknown key like no other",
    "items: [{name: a}]\nzzzzzz: 1\n",
    ['f.yaml:2:1: found the unknown key "zzzzzz" at zzzzzz, wanted one of "items", "even"'],
  ],
  [
    "text where a number belongs",
    'items:\n  - name: a\n    count: "2"\n',
    ['f.yaml:3:12: found "2" at items[0].count, wanted a whole number from 1 to 9'],
  ],
  [
    "a number where text belongs",
    "items:\n  - name: 12\n",
    ["f.yaml:2:11: found 12 at items[0].name, wanted text of 1 to 8 characters"],
  ],
  [
    "a fraction, and a number out of range",
    "items: [{name: a, count: 1.5}, {name: b, count: 10}, {name: c, share: 0}]",
    [
      "f.yaml:1:26: found 1.5 at items[0].count, wanted a whole number from 1 to 9",
      "f.yaml:1:49: found 10 at items[1].count, wanted a whole number from 1 to 9",
      "f.yaml:1:71: found 0 at items[2].share, wanted a number above 0",
    ],
  ],
  [
    "yes for true",
    "items: [{name: a, flag: yes}]",
    ['f.yaml:1:25: found "yes" at items[0].flag, wanted true or false'],
  ],
  [
    "a word outside a choice",
    "items: [{name: a, level: mid}]",
    ['f.yaml:1:26: found "mid" at items[0].level, wanted one of "low", "high"'],
  ],
  [
    "no member of a union",
    "items: [{name: a, size: true}]",
    ["f.yaml:1:25: found true at items[0].size, wanted a whole number from 0, or text matching ^[0-9]+KiB$"],
  ],
  [
    "a fault within the member of a union that fits by type",
    "items: [{name: a, where: {hst: x}}]",
    [
      "f.yaml:1:26: found nothing at items[0].where.host, wanted text",
      'f.yaml:1:27: found the unknown key "hst" at items[0].where.hst, wanted a known key; did you mean "host"?',
    ],
  ],
  [
    "a key and a value of a record",
    "items: [{name: a, units: {UP: 1, low: x}}]",
    [
      'f.yaml:1:27: found the unknown key "UP" at items[0].units.UP, wanted a plain name',
      'f.yaml:1:39: found "x" at items[0].units.low, wanted a number',
    ],
  ],
  [
    "words of the schema's own",
    "items: [{name: a}]\neven: x",
    ['f.yaml:2:7: found "x" at even, wanted an even number'],
  ],
  [
    "a key given twice",
    "items: [{name: a}]\neven: 2\neven: 4\n",
    ['f.yaml:3:1: found "even" again (first on line 2) at even, wanted each key once'],
  ],
  [
    "an alias without an anchor",
    "items: [*nobody]",
    ["f.yaml:1:9: found the alias *nobody at items[0], wanted an anchor of that name before it"],
  ],
  [
    "an anchor that holds itself",
    "items: [{name: a, free: &loop [*loop]}]",
    ["f.yaml:1:32: found the alias *loop at items[0].free[0], wanted an anchor of that name before it"],
  ],
  [
    "a merge key",
    "items:\n  - &a {name: a}\n  - name: b\n    <<: *a\n",
    [
      'f.yaml:4:5: found a merge key (<<) at items[1]["<<"], wanted the keys spelled out; YAML 1.2 has no merge keys',
    ],
  ],
  ["a tag", "items: !!set {a, b}", ["f.yaml:1:8: found a YAML tag, wanted plain values without tags"]],
  [
    "two documents",
    "items: [{name: a}]\n---\nitems: []\n",
    ["f.yaml:2:1: found a second document, wanted one document in a file"],
  ],
  [
    "a number that no float holds",
    "items: [{name: a, free: [.nan, .inf, 12345678901234567890]}]",
    [".nan", ".inf", "12345678901234567890"].map(
      (text, index) =>
        `f.yaml:1:${[26, 32, 38][index]}: found ${text} at items[0].free[${index}], wanted a number that a 64-bit float holds exactly; quote it if it is text`,
    ),
  ],
  [
    "malformed YAML",
    "items: [1, 2\n",
    [
      "f.yaml:2:1: found malformed YAML (Flow sequence in block collection must be sufficiently indented and end with a ]), wanted well-formed YAML",
    ],
  ],
  [
    "a rule's complaint",
    "items:\n- name: taken\n",
    ["f.yaml:2:9: found a taken name at items[0].name, wanted another"],
  ],
  [
    "faults of schema, rules and keys all at once, in file order",
    "even: no\nitems:\n  - name: taken\n    cuont: 1\n  - count: 0\n    name: b\n    name: c\n",
    [
      'f.yaml:1:7: found "no" at even, wanted an even number',
      "f.yaml:3:11: found a taken name at items[0].name, wanted another",
      'f.yaml:4:5: found the unknown key "cuont" at items[0].cuont, wanted a known key; did you mean "count"?',
      "f.yaml:5:12: found 0 at items[1].count, wanted a whole number from 1 to 9",
      'f.yaml:7:5: found "name" again (first on line 6) at items[1].name, wanted each key once',
    ],
  ],
  [
    "a value with line ends and control characters stays on its line",
    'items: [{name: a, count: "x\\n\\u001b[31m"}]',
    ['f.yaml:1:26: found "x\\n\\u001b[31m" at items[0].count, wanted a whole number from 1 to 9'],
  ],
];

for (const [what, text, faults] of faulty) {
  test(`refused with its place: ${what}`, () => assert.deepEqual(faultsOf(text), faults));
}

test("__proto__ is refused wherever it stands, and nothing is polluted", () => {
  const text = '{"items": [{"name": "a", "free": {"__proto__": {"admin": true}}}], "__proto__": {"even": 2}}';
  assert.deepEqual(faultsOf(text), [
    "f.yaml:1:35: found the key __proto__ at items[0].free.__proto__, wanted another name",
    "f.yaml:1:68: found the key __proto__ at __proto__, wanted another name",
  ]);
  assert.equal(Reflect.get({}, "admin"), undefined);
});

test("a key named like a property of every object is only a key", () => {
  const outcome = decode("items: [{name: a, free: {constructor: 1, toString: 2}}]");
  assert(outcome.kind === "ok");
  assert.deepEqual(Object.keys(Object(outcome.value.items[0]?.free)), ["constructor", "toString"]);
  assert.match(faultsOf("items: [{name: a}]\nconstructor: 1").join(), /^f\.yaml:2:1: found the unknown key/);
});

test("aliases are counted as often as they are used", () => {
  const levels = Array.from(
    { length: 20 },
    (_, level) => `l${level + 1}: &l${level + 1} [*l${level}, *l${level}]`,
  );
  const bomb = `l0: &l0 [${"x,".repeat(9)}x]\n${levels.join("\n")}`;
  const faults = faultsOf(bomb);
  assert.equal(faults.length, 1);
  assert.match(String(faults[0]), new RegExp(`: found more than ${MAX_NODES} values at l\\d+`));
  const modest = decode("items:\n  - &a {name: a, free: [1, 2]}\n  - *a\n");
  assert(modest.kind === "ok");
  assert.deepEqual(modest.value.items[1], { name: "a", free: [1, 2] });
});

test("depth is bounded, far beyond the stack as well", () => {
  for (const depth of [MAX_DEPTH + 1, 100_000]) {
    const faults = faultsOf("[".repeat(depth) + "]".repeat(depth));
    assert.equal(faults.length, 1);
    assert.match(String(faults[0]), /^f\.yaml:1:\d+: found too many levels/);
  }
});

test("depth is bounded also where aliases add it up", () => {
  const half = MAX_DEPTH / 2 + 1;
  const nested = (inner: string) => "[".repeat(half) + inner + "]".repeat(half);
  const chain = Array.from(
    { length: 900 },
    (_, link) => `a${link + 1}: &a${link + 1} ${nested(`*a${link}`)}`,
  );
  const faults = faultsOf(`a0: &a0 ${nested("1")}\n${chain.join("\n")}`);
  assert.equal(faults.length, 1);
  assert.match(String(faults[0]), /^f\.yaml:2:\d+: found too many levels at a1\[/);
});

test("a document over the limit of bytes is refused unread", () => {
  assert.deepEqual(faultsOf("#".repeat(MAX_CONFIG_BYTES + 1)), [
    `f.yaml:1:1: found ${MAX_CONFIG_BYTES + 1} bytes, wanted at most ${MAX_CONFIG_BYTES}`,
  ]);
});

test("bytes that are not UTF-8 are refused where they stand", () => {
  const latin1 = Buffer.from("items:\n  - name: é\u00ff\n", "latin1");
  assert.deepEqual(faultsOf(latin1), ["f.yaml:2:11: found the byte 0xE9, wanted UTF-8 text"]);
  const utf16 = Buffer.from("\uFEFFitems: []", "utf16le");
  assert.deepEqual(faultsOf(utf16), ["f.yaml:1:1: found the byte 0xFF, wanted UTF-8 text"]);
});

test("whatever the bytes, decoding ends in a value or in faults with places in the file", () => {
  const pieces = fc.constantFrom(
    ...Array.from("[]{}:,-?&*!|>'\"#%@`\n\t ~<\\"),
    "a",
    "items",
    "name: ",
    "&x ",
    "*x",
    "- ",
    "1e9",
    "---\n",
    "é",
  );
  const documents = fc.oneof(
    fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join("")),
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.uint8Array({ maxLength: 200 }),
    fc.json(),
  );
  fc.assert(
    fc.property(documents, (source) => {
      const outcome = decode(source);
      if (outcome.kind === "ok") return;
      assert(outcome.faults.length > 0);
      for (const fault of outcome.faults) {
        assert(fault.line >= 1 && fault.column >= 1);
        assert.doesNotMatch(formatFault(fault), /\n/);
      }
    }),
    { numRuns: 2000 },
  );
});

test("a file is read, and one that cannot be is a fault", async () => {
  const directory = await mkdtemp(join(tmpdir(), "shoal-config-"));
  try {
    const path = join(directory, "a.yaml");
    await writeFile(path, "x: 1");
    const read = await readConfigFile(path);
    assert(read.kind === "ok");
    assert.equal(Buffer.from(read.value).toString(), "x: 1");
    for (const [bad, found] of [
      [join(directory, "none.yaml"), "no such file"],
      [directory, "a directory"],
    ] as const) {
      const outcome = await readConfigFile(bad);
      assert(outcome.kind === "faults");
      assert.deepEqual(outcome.faults.map(formatFault), [
        `${bad}:1:1: found ${found}, wanted a readable file`,
      ]);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("a file that never ends is read only to the limit", { skip: process.platform === "win32" }, async () => {
  const read = await readConfigFile("/dev/zero");
  assert(read.kind === "ok");
  assert.equal(read.value.byteLength, MAX_CONFIG_BYTES + 1);
});
