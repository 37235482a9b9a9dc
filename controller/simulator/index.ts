// `shoal/simulate`: a deployment under a workload in virtual time, for programs; `shoal simulate` uses the same.

export { evaluate, type EvaluationName, renderReport } from "./evaluation/evaluate.ts";
export { batchMs, isProfileName, PROFILES, type ServiceProfile } from "./plant/service-profile.ts";
export { costChart, type NamedRuns, resultTable, timelineChart } from "./report/result-report.ts";
export { type Chart, renderChart } from "./report/svg-chart.ts";
export { renderTable } from "./report/text-table.ts";
export { parseContender } from "./run/contenders.ts";
export type { ExperimentResult } from "./run/experiment.ts";
export { boundsOf, neededBy, runContender, type Scenario } from "./run/scenario.ts";
export { openWorkload } from "./workload/workload.ts";
