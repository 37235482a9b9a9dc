// The open-loop generator as a library: `runOpenLoop(options)`.

export { type ArrivalPlan, plannedTimes } from "./arrivals/plan.ts";
export { scaleTrace } from "./arrivals/scale-trace.ts";
export { readTrace, type TraceColumn } from "./arrivals/trace-file.ts";
export type { OpenLoopOptions } from "./options.ts";
export type { Outcome, SettledRequest } from "./outcome.ts";
export type { OpenLoopReport, OutcomeReport, TimelineRow } from "./report.ts";
export type { RequestClass } from "./request-class.ts";
export { runOpenLoop } from "./run.ts";
