// The module with the class whose instance the controller's process is, for `runtime.actors`.

export type ControlModule = typeof import("./control-process.ts");
export const CONTROL_MODULE = new URL(
  import.meta.url.endsWith(".ts") ? "./control-process.ts" : "./control-process.js",
  import.meta.url,
);
/** Where its name is. */
export const CONTROL = "serve.control";
