// The module with the class whose instances gateway processes are, for `runtime.actors`.

export type GatewayModule = typeof import("./gateway-process.ts");
export const GATEWAY_MODULE = new URL(
  import.meta.url.endsWith(".ts") ? "./gateway-process.ts" : "./gateway-process.js",
  import.meta.url,
);
/** Where their names are. */
export const GATEWAYS = "serve.gateways";
