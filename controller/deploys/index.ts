export { contentsOf } from "./contents.ts";
export { Deploys } from "./deploys.ts";
export { DesiredState } from "./desired-state.ts";
export type * from "./requests.ts";
