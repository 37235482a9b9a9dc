export * from "./backend.ts";
export { LocalBackend, type LocalBackendOptions } from "./local/local-backend.ts";
