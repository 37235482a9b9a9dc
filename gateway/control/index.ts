export { runServer } from "./run-server.ts";
export type { Overview, RunningServer, StatusChange } from "./running-server.ts";
