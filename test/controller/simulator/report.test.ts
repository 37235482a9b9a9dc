// Tables and charts: what a person sees.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as fc from "fast-check";
import { cellOf, largestLoad } from "../../../controller/simulator/evaluation/fixed-cells.ts";
import { renderReport } from "../../../controller/simulator/evaluation/evaluate.ts";
import { PROFILES } from "../../../controller/simulator/plant/service-profile.ts";
import { costChart, resultTable, timelineChart } from "../../../controller/simulator/report/result-report.ts";
import { scaleOf, shortNumber } from "../../../controller/simulator/report/scale.ts";
import { renderChart } from "../../../controller/simulator/report/svg-chart.ts";
import { renderMarkdown, renderTable } from "../../../controller/simulator/report/text-table.ts";
import { parseContender } from "../../../controller/simulator/run/contenders.ts";
import { triton } from "../../../controller/simulator/systems/catalogue.ts";
import { checkProperty } from "../../support/properties.ts";
import { at, run } from "./support.ts";

suite("axes", () => {
  test("ticks are few, round, in order and within", (t) => {
    checkProperty(
      t,
      fc.property(
        fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
        fc.double({ min: 1.01, max: 1e4, noNaN: true }),
        fc.boolean(),
        (low, ratio, log) => {
          const { ticks, place } = scaleOf({ label: "x", log }, [low, low * ratio], [0, 100]);
          assert(ticks.length <= 14, `${ticks.length}`);
          if (!log) assert(ticks.length >= 3, `${ticks.length}`);
          for (const [n, { value }] of ticks.entries()) {
            assert(value > (ticks[n - 1]?.value ?? Number.NEGATIVE_INFINITY));
            assert(place(value) >= -1e-6 && place(value) <= 100 + 1e-6);
          }
        },
      ),
    );
  });

  test("nothing, and zero where ratios are shown, have an axis as well", () => {
    for (const data of [
      [Infinity, -Infinity],
      [0, 0],
      [0, 500],
      [7, 7],
    ] as const) {
      for (const log of [false, true]) {
        const { ticks, place } = scaleOf({ label: "x", log }, data, [0, 100]);
        assert(ticks.length > 0 && ticks.length <= 14, `${ticks.length} for ${data.join(" to ")}`);
        assert(ticks.every(({ value }) => Number.isFinite(place(value))));
      }
    }
  });

  test("numbers as a person reads them", () => {
    assert.deepEqual([0.25, 300, 12_500, 3e6].map(shortNumber), ["0.25", "300", "12.5k", "3M"]);
  });
});

suite("charts", () => {
  test("every tag is closed, text is escaped, each series and axis has its name", async () => {
    const result = await run({ seconds: 5 });
    const runs = [{ name: "a < b & c", runs: [result] }];
    for (const chart of [
      timelineChart("Demand", runs, Uint16Array.from([1, 1, 2, 1, 1])),
      costChart("Cost", runs),
    ]) {
      const svg = renderChart(chart);
      const open = [...svg.matchAll(/<(\w+)(?=[\s>])[^>]*?(\/?)>/g)].filter(
        ([, , closed]) => closed === "",
      ).length;
      assert.equal(open, [...svg.matchAll(/<\/\w+>/g)].length);
      assert(svg.includes("a &lt; b &amp; c") && !svg.includes("a < b"));
      for (const { x, y } of chart.panels) assert(svg.includes(x.label) && svg.includes(y.label));
      assert(!/NaN|Infinity|undefined/.test(svg));
    }
  });

  test("a step holds its value until the next", () => {
    const svg = renderChart({
      title: "t",
      panels: [
        {
          x: { label: "s", from: 0, to: 10 },
          y: { label: "n", from: 0, to: 10 },
          series: [
            {
              name: "a",
              kind: "step",
              points: [
                [0, 0],
                [5, 10],
                [10, 10],
              ],
            },
          ],
        },
      ],
    });
    assert.match(svg, /d="M74 310H392V92H710V92"/);
  });
});

suite("tables", () => {
  test("columns are as wide as what is in them, numbers to the right", async () => {
    const table = resultTable([{ name: "shoal", runs: [await run({ seconds: 5 })] }]);
    const [titles = "", rule = "", row = ""] = renderTable(table).split("\n");
    assert.match(titles, /^system +attainment/);
    assert.match(rule, /^─+$/);
    assert.match(row, /^shoal +100\.00 % /);
    assert.equal(titles.length, row.length);
    assert.match(renderMarkdown(table), /^\| system \| attainment .*\n\|---\|---:\|/);
  });

  test("of no request nothing is said to be in time", async () => {
    const none = [{ name: "shoal", runs: [await run({ arrivals: at(), seconds: 2 })] }];
    assert.deepEqual(resultTable(none).rows[0]?.slice(1, 3), ["-", "-"]);
    assert(!/NaN|Infinity|undefined/.test(renderChart(costChart("none", none))));
  });

  test("a target that was missed is said to be", () => {
    const text = renderReport({
      tables: [],
      charts: {},
      verdicts: [
        { target: "more", measured: "1.2×", reached: false },
        { target: "less", measured: "0.5×", reached: true },
      ],
    });
    assert.equal(text, "MISSED: more: 1.2×\nreached: less: 0.5×");
  });
});

suite("contenders", () => {
  const defaults = { replicas: 4, bounds: { min: 1, max: 9 } };

  test("a system, a policy, a target", () => {
    assert.deepEqual(parseContender("triton", defaults).scaling, { kind: "fixed", replicas: 4 });
    assert.equal(parseContender("shoal+oracle", defaults).scaling.kind, "oracle");
    const scaling = parseContender("ray-tuned+knative:16", defaults).scaling;
    assert(scaling.kind === "policy");
    assert.deepEqual(scaling.bounds, defaults.bounds);
  });

  for (const [text, wanted] of [
    ["rays", /no system "rays", wanted one of shoal, ray/],
    ["ray+fast", /no policy "fast", wanted one of slo, ray/],
    ["ray+hpa:0", /target "0", wanted requests per replica above 0/],
    ["toString", /no system/],
  ] as const) {
    test(`${text} is refused`, () => {
      assert.throws(() => parseContender(text, defaults), { code: "INVALID_CONFIG", message: wanted });
    });
  }
});

test("the largest load is below what theory allows, and found again", async () => {
  const cell = cellOf(PROFILES.cpu, 4, 1);
  const load = await largestLoad(cell, triton({ maxBatch: 1 }), 1);
  // Eight servers of 21 ms, one at a time: 381 a second at the very most, of a capacity of 393.
  assert(load > 0.5 && load < 381 / 393, `${load}`);
  assert.equal(await largestLoad(cell, triton({ maxBatch: 1 }), 1), load);
});
