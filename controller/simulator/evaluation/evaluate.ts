// The evaluations by name, and how a report is told.

import { renderMarkdown, renderTable } from "../report/text-table.ts";
import { evaluateBatching } from "./batching.ts";
import { evaluateOverload } from "./overload.ts";
import type { EvaluationOptions, EvaluationReport } from "./report.ts";
import { evaluateScaling } from "./scaling.ts";

export type EvaluationName = "batching" | "overload" | "scaling";

export function evaluate(
  name: EvaluationName,
  options: EvaluationOptions & { readonly traces: readonly string[] },
): Promise<EvaluationReport> {
  switch (name) {
    case "batching":
      return evaluateBatching(options);
    case "overload":
      return evaluateOverload(options);
    case "scaling":
      return evaluateScaling(options);
  }
}

export function renderReport({ tables, verdicts }: EvaluationReport, markdown = false): string {
  const render = markdown ? renderMarkdown : renderTable;
  return [
    ...tables.flatMap(({ title, table }) => [markdown ? `**${title}**` : title, "", render(table), ""]),
    ...verdicts.map(
      ({ target, measured, reached }) =>
        `${markdown ? "- " : ""}${reached ? "reached" : "MISSED"}: ${target}: ${measured}`,
    ),
  ].join("\n");
}
