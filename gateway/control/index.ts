export { runServer, type RunServerOptions } from "./run-server.ts";
export type { Overview, RunningServer, StatusChange } from "./running-server.ts";
