// Values as bytes and back.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  decodeValue,
  encodeValue,
  markHandle,
  markReference,
} from "../../../../runtime/core/objects/index.ts";
import { checkProperty } from "../../../support/properties.ts";
import type { ActorData } from "../../../../runtime/core/workers/messages.ts";

const PROPERTY = "\u0000shoal";

function none(): never {
  throw new Error("no marks were written");
}

function roundTrip(value: unknown): unknown {
  const { parts } = encodeValue(value, none);
  return decodeValue(parts, { reference: none, handle: none });
}

function reference(id: number): object {
  const target = {};
  markReference(target, id);
  return target;
}

const leaf = fc.oneof(
  fc.constantFrom(undefined, null, -0, Number.NaN, Infinity, "", "\ud800", "ü".repeat(600), 10n),
  fc.integer(),
  fc.double(),
  fc.string({ unit: "binary" }),
  fc.boolean(),
  fc.date({ noInvalidDate: false }),
  fc.uint8Array({ maxLength: 20 }),
  fc.float32Array({ minLength: 1_500, maxLength: 1_501 }),
  fc.constantFrom(Buffer.from("abc"), new DataView(new ArrayBuffer(5_000), 3, 4_500), new ArrayBuffer(4_096)),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 5, noNullPrototype: true }),
    fc.array(fc.tuple(fc.string(), tie("value")), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie("value"), { maxLength: 3 }).map((items) => new Set(items)),
  ),
}));

suite("what comes out is equal to what went in (invariant 1)", () => {
  test("any data", (context) => {
    checkProperty(
      context,
      fc.property(value, (item) => assert.deepStrictEqual(roundTrip(item), item)),
      500,
    );
  });

  test("each kind of view, small and large, aligned and not", () => {
    type ViewClass = new (buffer: ArrayBuffer) => ArrayBufferView;
    const bytes: ViewClass[] = [Uint8Array, Int8Array, Uint8ClampedArray, DataView];
    const whole: ViewClass[] = [
      Uint16Array,
      Int16Array,
      Uint32Array,
      Int32Array,
      BigInt64Array,
      BigUint64Array,
    ];
    const real: ViewClass[] = [Float16Array, Float32Array, Float64Array];
    for (const View of [...bytes, ...whole, ...real]) {
      for (const length of [64, 8_192, 200_000]) {
        const view = new View(new Uint8Array(length).map((_, at) => at % 50).buffer);
        assert.deepStrictEqual(roundTrip([view]), [view]);
        const { parts } = encodeValue(view, none);
        const moved = parts.map((part) => new Uint8Array([0, ...part]).subarray(1));
        assert.deepStrictEqual(decodeValue(moved, { reference: none, handle: none }), view);
      }
    }
  });

  test("holes, members beside items, cycles and one object met twice", () => {
    const shared = { a: 1 };
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const [first, second] = roundTrip([shared, shared]) as object[];
    assert.equal(first, second);
    const back = roundTrip(cycle) as typeof cycle;
    assert.equal(back.self, back);
    // oxlint-disable-next-line no-sparse-arrays -- what is tested
    const odd = Object.assign([1, , undefined], { extra: true });
    assert.deepStrictEqual(roundTrip(odd), odd);
    assert.deepStrictEqual(roundTrip([undefined, 1, undefined]), [undefined, 1, undefined]);
    assert.deepStrictEqual(encodeValue(undefined, none).parts, []);
  });

  test("errors keep their cause, also a reference in it", () => {
    const error = new TypeError("no", { cause: reference(3) });
    const { parts } = encodeValue(error, () => undefined);
    const whole = {};
    const back = decodeValue(parts, { reference: () => whole, handle: none }) as Error;
    assert.equal(back.message, "no");
    assert.equal(back.cause, whole);
  });
});

suite("memory", () => {
  test("only the bytes that a view shows are written (invariant 2)", () => {
    const view = new Uint8Array(1_000_000).subarray(10, 5_010);
    assert.ok(encodeValue([view, 1n], none).byteLength < 6_000);
  });

  test("a small value is a snapshot, for its owner and for each reader (invariant 3)", () => {
    for (const length of [10, 5_000]) {
      const mine = new Uint8Array(length).fill(1);
      const { parts } = encodeValue(mine, none);
      mine.fill(2);
      const read = () => decodeValue(parts, { reference: none, handle: none }) as Uint8Array;
      const first = read();
      assert.equal(first[5], 1);
      assert.equal(first.buffer.byteLength, length);
      first.fill(3);
      assert.equal(read()[5], 1);
    }
  });

  test("a large value is neither copied when written nor when read (invariant 3)", () => {
    const mine = new Float64Array(100_000);
    const { parts } = encodeValue({ mine }, none);
    assert.equal(parts[1]?.buffer, mine.buffer);
    const back = decodeValue(parts, { reference: none, handle: none }) as { mine: Float64Array };
    assert.equal(back.mine.buffer, mine.buffer);
  });

  test("a large buffer stands beside the clone", () => {
    const { parts } = encodeValue([new ArrayBuffer(300_000)], none);
    assert.equal(parts[1]?.byteLength, 300_000);
    assert.ok((parts[0]?.byteLength ?? Infinity) < 100);
  });
});

suite("marks", () => {
  test("references and handles are told of and come out whole, wherever they stand", () => {
    const handle = Object.create({ kind: "actor" });
    const data: ActorData = { actor: 9, label: "A", methods: [], maxTaskRetries: 0 };
    markHandle(handle, data);
    const one = reference(1);
    const told: number[] = [];
    const sent = { a: [one, one], m: new Map([["k", reference(2)]]), s: new Set([handle]), left: 5 };
    const { parts } = encodeValue(sent, (id) => told.push(id));
    assert.deepEqual(told, [1, 2, 9]);
    const made = new Map<number, object>();
    const make = (id: number) => {
      const whole = { id };
      made.set(id, whole);
      return whole;
    };
    const handleOf = (got: ActorData) => ({ got });
    const back = decodeValue(parts, { reference: make, handle: handleOf });
    const first = made.get(1);
    assert.deepStrictEqual(back, {
      a: [first, first],
      m: new Map([["k", made.get(2)]]),
      s: new Set([{ got: data }]),
      left: 5,
    });
    assert.equal((back as typeof sent).a[0], first);
  });

  test("data that looks like a mark comes back unharmed, also beside true ones (invariant 2)", () => {
    const copied = { ...reference(4) };
    const forged = { [PROPERTY]: { object: 4, seal: 1 } };
    const { parts } = encodeValue([copied, forged, reference(5)], () => undefined);
    const back = decodeValue(parts, { reference: (id) => ({ id }), handle: none });
    assert.deepStrictEqual(back, [copied, forged, { id: 5 }]);
  });

  test("nobody is told outside an encoding, nor of one that failed", () => {
    const told: number[] = [];
    const one = reference(1);
    assert.throws(() => encodeValue([one, () => 1], (id) => told.push(id)));
    structuredClone(one);
    assert.deepEqual(told, []);
  });
});

suite("what cannot be sent is named", () => {
  const deep: unknown[] = [];
  for (let at = deep, left = 200_000; left > 0; left--) {
    const next: unknown[] = [];
    at.push(next);
    at = next;
  }
  const thrower = {
    get x(): never {
      throw new Error("no");
    },
  };
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [() => 1, /: it is a function$/],
    [[{ model: { run: () => 1 } }], /: \[0\]\.model\.run is a function$/],
    [{ "a b": [1, Symbol("s")] }, /: \["a b"\]\[1\] is a symbol$/],
    [[new Map([["k", Promise.resolve()]])], /: \[0\]\.get\(k\) is an instance of Promise$/],
    [new Set([new WeakMap()]), /: an item of it is an instance of WeakMap$/],
    [{ p: new Proxy({}, {}) }, /: p is a proxy$/],
    [{ deep: { thrower } }, /: deep\.thrower\.x throws when it is read$/],
    [{ key: new SharedArrayBuffer(8) }, /: key is an instance of SharedArrayBuffer$/],
    [deep, /: it is nested too deeply$/],
  ];
  for (const [sent, message] of cases) {
    test(String(message), () => {
      assert.throws(() => encodeValue(sent, none), { code: "INVALID_ARGUMENT", message });
    });
  }
});

test("bytes that are no value are refused", () => {
  for (const bytes of [[], [1, 123], [3, 255], [9, 9, 9]]) {
    assert.throws(() => roundTripBytes(new Uint8Array(bytes)), { code: "OBJECT_LOST" });
  }
  const [head] = encodeValue(new Uint8Array(200_000), none).parts;
  assert.throws(() => roundTripBytes(head ?? new Uint8Array()), { message: /part 1 is missing/ });
});

function roundTripBytes(bytes: Uint8Array): unknown {
  return decodeValue([bytes], { reference: none, handle: none });
}
