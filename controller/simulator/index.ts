export { fluidBound, type OraclePlan, oraclePlan, PlannedPolicy } from "./bounds/bounds.ts";
export {
  batchMs,
  isProfileName,
  PROFILES,
  type ServiceProfile,
  trueCapacity,
} from "./plant/service-profile.ts";
export { costChart, type NamedRuns, resultTable, timelineChart } from "./report/result-report.ts";
export { type Chart, type Panel, renderChart, type Series } from "./report/svg-chart.ts";
export { renderMarkdown, renderTable, type TextTable } from "./report/text-table.ts";
export { parseContender, POLICY_NAMES } from "./run/contenders.ts";
export {
  type ExperimentOptions,
  type ExperimentResult,
  runExperiment,
  type Scaling,
} from "./run/experiment.ts";
export { type Contender, neededBy, runContender, type Scenario, type ScalingRule } from "./run/scenario.ts";
export { SYSTEMS } from "./systems/catalogue.ts";
export type {
  ServingSystem,
  SimulatedRequest,
  SystemMaker,
  SystemOptions,
} from "./systems/serving-system.ts";
export type { ArrivalStream } from "./workload/arrivals.ts";
export { GENERATORS } from "./workload/generators.ts";
export { type ArrivalStatistics, describeArrivals } from "./workload/statistics.ts";
export { openWorkload, type Workload, type WorkloadOptions } from "./workload/workload.ts";
export {
  evaluate,
  EVALUATIONS,
  type EvaluationName,
  renderReport,
} from "./evaluation/evaluate.ts";
export type { EvaluationOptions, EvaluationReport, Verdict } from "./evaluation/report.ts";
