import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { stringify } from "yaml";
import { decodeConfig, toFileForm, type TrafficConfig } from "../../../controller/config/index.ts";
import { formatFault } from "../../../runtime/base/config/index.ts";

interface Parts {
  readonly traffic: unknown;
  readonly ingress?: string;
  readonly more?: readonly object[];
}

const DEPLOYMENTS = [
  { name: "a", model: "a.onnx" },
  { name: "b", model: "b.onnx", version: 2 },
  { name: "c", model: "c.onnx" },
];

function fileOf({ traffic, ingress, more = [] }: Parts): string {
  const one = { deployments: DEPLOYMENTS, traffic, ...(ingress === undefined ? {} : { ingress }) };
  return stringify({ applications: [one, ...more] });
}

function decoded(parts: Parts): TrafficConfig | undefined {
  const outcome = decodeConfig(fileOf(parts), { file: "s.yaml" });
  assert.deepEqual(outcome.kind === "faults" ? outcome.faults.map(formatFault) : [], []);
  assert(outcome.kind === "ok");
  const again = decodeConfig(JSON.stringify(toFileForm(outcome.value)), { file: "s.yaml" });
  assert(again.kind === "ok");
  assert.deepEqual(again.value, outcome.value);
  return outcome.value.applications[0]?.traffic;
}

/** The faults without their line and column. */
function faultsOf(parts: Parts): string[] {
  const outcome = decodeConfig(fileOf(parts), { file: "s.yaml" });
  if (outcome.kind === "ok") return [];
  for (const { line, column } of outcome.faults) assert(line > 0 && column > 0);
  return outcome.faults.map(({ path, found, wanted }) => `${path}: found ${found}, wanted ${wanted}`);
}

const A = { deployment: "a", weight: 100 };

test("every default is filled in, and what comes out decodes to the same", () => {
  assert.deepEqual(
    decoded({
      ingress: "b",
      traffic: {
        model: "net",
        versions: [
          { deployment: "a", match: [{ headers: { "X-Beta": "1" } }, { cookies: { Group: "*" } }] },
          { deployment: "b", weight: 100 },
        ],
        sticky: { cookie: "Session" },
      },
    }),
    {
      model: "net",
      stable: "b",
      versions: [
        {
          deployment: "a",
          weight: 0,
          match: [
            { headers: { "x-beta": "1" }, cookies: {} },
            { headers: {}, cookies: { Group: "*" } },
          ],
          canary: undefined,
          shadow: undefined,
        },
        { deployment: "b", weight: 100, match: [], canary: undefined, shadow: undefined },
      ],
      sticky: { kind: "cookie", name: "Session", maxAgeMs: 86_400_000 },
    },
  );
  const traffic = decoded({
    traffic: {
      versions: [A, { deployment: "b", canary: {} }, { deployment: "c", shadow: { percent: 12.5 } }],
      sticky: { header: "X-User" },
    },
  });
  assert.deepEqual(traffic?.versions[1]?.canary, {
    steps: [5, 25, 50],
    intervalMs: 60_000,
    minRequests: 100,
    maxErrorRate: 0.01,
    maxLatencyRatio: 1.5,
  });
  assert.deepEqual(traffic?.versions[2]?.shadow, {
    percent: 12.5,
    relativeTolerance: 1e-4,
    absoluteTolerance: 1e-6,
    maxOngoingRequests: 8,
  });
  assert.deepEqual(traffic?.sticky, { kind: "header", name: "x-user" });
});

test("weights of two digits add up, however floating point adds them", () => {
  const weights = [33.33, 33.33, 33.34];
  const versions = DEPLOYMENTS.map(({ name }, index) => ({ deployment: name, weight: weights[index] }));
  assert.deepEqual(
    decoded({ traffic: { versions } })?.versions.map(({ weight }) => weight),
    weights,
  );
});

describe("refused are", () => {
  const at = "applications[0].traffic";
  for (const [what, traffic, ...faults] of [
    [
      "weights that do not add up",
      {
        versions: [
          { deployment: "a", weight: 90 },
          { deployment: "b", weight: 9 },
        ],
      },
      `${at}.versions: found weights that add up to 99, wanted 100`,
    ],
    [
      "no weights",
      { versions: [{ deployment: "a" }] },
      `${at}.versions: found weights that add up to 0, wanted 100`,
    ],
    [
      "three digits behind the point",
      {
        versions: [
          { deployment: "a", weight: 99.995 },
          { deployment: "b", weight: 0.005 },
        ],
      },
      `${at}.versions[0].weight: found 99.995, wanted at most two digits behind the point`,
      `${at}.versions[1].weight: found 0.005, wanted at most two digits behind the point`,
    ],
    [
      "what is no deployment here",
      { versions: [A, { deployment: "x" }] },
      `${at}.versions[1].deployment: found "x", wanted a deployment of this application: "a", "b", "c"`,
    ],
    [
      "a deployment twice",
      { versions: [A, { deployment: "a" }] },
      `${at}.versions[1].deployment: found "a" again, wanted each deployment once`,
    ],
    [
      "versions without the ingress",
      { versions: [{ deployment: "b", weight: 100 }] },
      `${at}.versions: found no version with the ingress, "a", wanted it among them: it is the stable one`,
    ],
    [
      "a canary of nothing",
      { versions: [{ deployment: "a" }, { deployment: "b", canary: {} }, { deployment: "c", weight: 100 }] },
      `${at}.versions[0]: found weight 0 of the ingress beside a canary, wanted a weight above 0: a canary has its share from the ingress`,
    ],
    [
      "two canaries, one with a weight",
      { versions: [A, { deployment: "b", canary: {} }, { deployment: "c", canary: {}, weight: 1 }] },
      `${at}.versions: found weights that add up to 101, wanted 100`,
      `${at}.versions[2].canary: found a second canary, wanted one at a time`,
      `${at}.versions[2].weight: found weight 1 beside canary, wanted no weight`,
    ],
    [
      "canary and shadow in one, at the ingress, matched",
      {
        versions: [
          { ...A, canary: {} },
          { deployment: "b", canary: {}, shadow: {} },
          { deployment: "c", shadow: {}, match: [{ headers: { a: "b" } }] },
        ],
      },
      `${at}.versions[0].weight: found weight 100 beside canary, wanted no weight`,
      `${at}.versions[0].canary: found canary at the ingress, wanted canary at another deployment`,
      `${at}.versions[1].canary: found a second canary, wanted one at a time`,
      `${at}.versions[1].shadow: found both canary and shadow, wanted one of them`,
      `${at}.versions[2].match: found match beside shadow, wanted one of them: no answer of a shadow is given`,
    ],
    [
      "steps that do not rise",
      { versions: [A, { deployment: "b", canary: { steps: [10, 10] } }] },
      `${at}.versions[1].canary.steps[1]: found 10, wanted more than the step before, 10`,
    ],
    [
      "a step that is all",
      { versions: [A, { deployment: "b", canary: { steps: [100] } }] },
      `${at}.versions[1].canary.steps[0]: found 100, wanted percent above 0 and below 100`,
    ],
    [
      "a match of nothing",
      { versions: [A, { deployment: "b", match: [{ headers: {} }] }] },
      `${at}.versions[1].match[0]: found no header and no cookie, wanted at least one`,
    ],
    [
      "sticky by two things",
      { versions: [A], sticky: { cookie: "a", header: "b" } },
      `${at}.sticky: found both cookie and header, wanted one of them`,
    ],
    [
      "sticky by none, for a time",
      { versions: [A], sticky: { max_age_s: 1 } },
      `${at}.sticky: found neither cookie nor header, wanted one of them`,
      `${at}.sticky.max_age_s: found max_age_s, wanted it only beside cookie`,
    ],
    [
      "V2 versions that are the same",
      { model: "net", versions: [A, { deployment: "b" }, { deployment: "c" }] },
      `applications[0].deployments[2]: found version "1" again (first of "a"), wanted a version of its own, since traffic.model joins them`,
    ],
    [
      "a V2 model that is a deployment",
      { model: "b", versions: [A] },
      `${at}.model: found "b", wanted a name that no deployment and no other traffic has`,
    ],
  ] as const satisfies readonly (readonly [string, unknown, ...string[]])[]) {
    test(what, () => assert.deepEqual(faultsOf({ traffic }).sort(), [...faults].sort()));
  }

  test("one V2 model in two applications", () => {
    const other = {
      name: "other",
      route_prefix: "/other",
      deployments: [{ name: "d", model: "d.onnx" }],
      traffic: { model: "net", versions: [{ deployment: "d", weight: 100 }] },
    };
    assert.deepEqual(faultsOf({ traffic: { model: "net", versions: [A] }, more: [other] }), [
      'applications[1].traffic.model: found "net", wanted a name that no deployment and no other traffic has',
    ]);
  });
});
