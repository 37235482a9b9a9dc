// The figures as text for people. Pure.

import type { LoadFigure, RawFigure, Verdict } from "./figures.ts";
import type { BodyCopies, Flatness } from "./memory-scenarios.ts";
import { renderTable, showMegabytes, showMs, showRate, showRatio } from "./table.ts";

export interface Results {
  readonly machine: string;
  readonly rounds: number;
  readonly loads: readonly LoadFigure[];
  readonly raws: readonly RawFigure[];
  readonly body: BodyCopies | undefined;
  readonly flat: Flatness | undefined;
  readonly verdicts: readonly Verdict[];
}

export function renderResults(results: Results): string {
  const { machine, rounds, loads, raws, body, flat, verdicts } = results;
  const sections = [
    `${machine}\nmedians of ${rounds} rounds; ratios are medians of the ratios within a round`,
  ];
  if (loads.length > 0) {
    const heading = [
      "requests/s",
      "conns",
      "door",
      "Shoal",
      "of door",
      "of raw",
      "p50 ms",
      "p99 ms",
      "rounds ±",
    ];
    sections.push(renderTable(heading, loads.map(throughputRow)));
  }
  const single = loads.filter(({ entry }) => entry.connections === 1);
  if (single.length > 0) {
    const heading = ["median ms at 1 connection", "engine", "door", "Shoal", "above engine"];
    sections.push(renderTable(heading, single.map(latencyRow)));
  }
  if (raws.length > 0) {
    const heading = ["onnxruntime-node in a loop", "batch", "threads", "ms a run", "rows/s"];
    sections.push(renderTable(heading, raws.map(rawRow)));
  }
  const memory = [
    ...(body === undefined ? [] : bodyRows(body)),
    ...(flat === undefined ? [] : flatRows(flat)),
  ];
  if (memory.length > 0) sections.push(renderTable(["memory of the server and its replica", "MB"], memory));
  if (verdicts.length > 0)
    sections.push(renderTable(["target", "found", "wanted", ""], verdicts.map(verdictRow)));
  return sections.join("\n\n");
}

function titleOf({ entry }: LoadFigure): string {
  return `${entry.model.title} ${entry.encoding}`;
}

function throughputRow(figure: LoadFigure): string[] {
  return [
    titleOf(figure),
    String(figure.entry.connections),
    showRate(figure.doorPerSecond),
    showRate(figure.shoalPerSecond),
    showRatio(figure.doorRatio),
    showRatio(figure.rawRatio),
    showMs(figure.shoalP50Ms),
    showMs(figure.shoalP99Ms),
    showRatio(figure.spreadRatio / 2),
  ];
}

function latencyRow(figure: LoadFigure): string[] {
  const { engineP50Ms, doorP50Ms, shoalP50Ms, overEngineMs } = figure;
  return [titleOf(figure), showMs(engineP50Ms), showMs(doorP50Ms), showMs(shoalP50Ms), showMs(overEngineMs)];
}

function rawRow({ entry, p50Ms, rowsPerSecond }: RawFigure): string[] {
  return [
    entry.model.title,
    String(entry.batch),
    String(entry.threads),
    showMs(p50Ms),
    showRate(rowsPerSecond),
  ];
}

function bodyRows(body: BodyCopies): string[][] {
  const { bodyBytes, requests, copies, copiesOfFirst } = body;
  const size = `${bodyBytes / 2 ** 20} MB bodies`;
  return [
    [`idle before ${size}`, showMegabytes(body.idleBytes)],
    [
      `peak of ${requests} ${size} one by one: ${copies.toFixed(2)} bodies above idle, the first alone ${copiesOfFirst.toFixed(2)}`,
      showMegabytes(body.peakBytes),
    ],
    ...body.processes.map(({ command, idleBytes, peakBytes }) => [
      `  ${command}: ${((peakBytes - idleBytes) / bodyBytes).toFixed(2)} bodies above its idle`,
      showMegabytes(peakBytes),
    ]),
    ["largest sum at one moment (sampled)", showMegabytes(body.sampledPeakBytes)],
  ];
}

function flatRows({ samples, bytesPerRequest, requests }: Flatness): string[][] {
  const picked = samples.filter(
    (_, index) => index % Math.ceil(samples.length / 5) === 0 || index === samples.length - 1,
  );
  return [
    ...picked.map(({ requests: sent, rssBytes }) => [
      `after ${sent.toLocaleString("en-US")} requests`,
      showMegabytes(rssBytes),
    ]),
    [`slope per ${requests.toLocaleString("en-US")} requests`, showMegabytes(bytesPerRequest * requests)],
  ];
}

function verdictRow({ title, found, wanted, unit, met }: Verdict): string[] {
  const shown =
    unit === "ms" ? `${showMs(found)} ms` : unit === "ratio" ? showRatio(found) : found.toFixed(2);
  return [title, shown, wanted, met ? "met" : "MISSED"];
}
