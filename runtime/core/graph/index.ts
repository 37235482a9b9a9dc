// Graphs of tasks and calls: made by `bind` and `runtime.graph`, executed lazily or compiled.

export type { BoundArgument, BoundArguments, ResultNode, ResultNodes } from "./bind.ts";
export type { CompileOptions } from "./compiled/compile-options.ts";
export type { CompiledGraph, CompiledExecuteOptions } from "./compiled/compiled-graph.ts";
export type { Execution } from "./execution.ts";
export type { Graph } from "./graph.ts";
export type { InputNode } from "./input-node.ts";
export type { GraphNode, StreamNode } from "./node.ts";
export type { GraphOutput, OutputRefs, OutputValues } from "./outputs.ts";
