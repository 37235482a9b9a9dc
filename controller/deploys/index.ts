export { contentsOf } from "./contents.ts";
export { Deploys } from "./deploys.ts";
export { DesiredState } from "./desired-state.ts";
export type { ApplicationChange, DeploymentChange, FieldChange } from "./difference.ts";
export type * from "./requests.ts";
