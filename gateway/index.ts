// `shoal/serve`: a server out of a config, for programs; the command line uses the same.

export {
  type ApplicationContexts,
  decodeConfig,
  loadConfig,
  type PolicyContext,
  type ServeConfig,
} from "../controller/index.ts";
export {
  type ApplicationStatusView,
  type DeploymentStatusView,
  type ServeStatusView,
} from "./admin/status.ts";
export type * from "./admin/deploy-view.ts";
export type { NodeStatusView, NodesView } from "./admin/node-routes.ts";
export type { ScalingDecisionView, ScalingView } from "./admin/scaling-view.ts";
export { checkPort } from "./listening.ts";
export { type Overview, type RunningServer, runServer, type StatusChange } from "./control/index.ts";
export { Server, type ServerOptions } from "./server.ts";
