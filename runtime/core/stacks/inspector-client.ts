// Reads the stack of a process by its inspector, while its main thread runs JavaScript.
//
// 1. The inspector is told to close whatever happens, also when nobody waits for the stack any more: the connection stays
//    until it has, or the process is gone.
// 2. A pause is followed by a resume at once; losing the connection resumes too.

import { lineOf } from "./frames.ts";

export interface InspectorClient {
  /** The stack, the innermost first; undefined when the connection ended without one. */
  readonly stack: Promise<readonly string[] | undefined>;
  /** Resolves when the connection has ended, and the inspector with it. */
  readonly closed: Promise<void>;
  /** The stack is not wanted any more. */
  giveUp(): void;
}

/** The part of the inspector's messages that is read here. */
interface InspectorMessage {
  readonly method?: string;
  readonly params?: {
    readonly scriptId?: string;
    readonly url?: string;
    readonly callFrames?: readonly {
      readonly functionName: string;
      readonly location: {
        readonly scriptId: string;
        readonly lineNumber: number;
        readonly columnNumber?: number;
      };
    }[];
  };
}

const CLOSE = 'process.getBuiltinModule("node:inspector").close()';

/** `url` is what the process printed when it opened its inspector. `pause` false only closes it. */
export function inspect(url: string, pause: boolean): InspectorClient {
  const socket = new WebSocket(url);
  const scripts = new Map<string, string>();
  const { promise: stack, resolve } = Promise.withResolvers<readonly string[] | undefined>();
  const gone = Promise.withResolvers<void>();
  let lastId = 0;
  let closing = false;
  const send = (method: string, params: Readonly<Record<string, unknown>> = {}): void =>
    socket.send(JSON.stringify({ id: ++lastId, method, params }));
  const close = (): void => {
    if (closing || socket.readyState !== WebSocket.OPEN) return;
    closing = true;
    send("Runtime.evaluate", { expression: CLOSE });
  };
  let wanted = pause;
  socket.addEventListener("open", () => {
    if (!wanted) return close();
    send("Debugger.enable");
    send("Debugger.pause");
  });
  socket.addEventListener("message", ({ data }) => {
    const { method, params }: InspectorMessage = JSON.parse(String(data));
    if (method === "Debugger.scriptParsed") scripts.set(params?.scriptId ?? "", params?.url ?? "");
    if (method !== "Debugger.paused") return;
    send("Debugger.resume"); // invariant 2
    close(); // invariant 1
    resolve(
      (params?.callFrames ?? []).map(({ functionName, location }) =>
        lineOf(functionName, scripts.get(location.scriptId) ?? "", [
          location.lineNumber + 1,
          (location.columnNumber ?? 0) + 1,
        ]),
      ),
    );
  });
  const end = (): void => {
    resolve(undefined);
    gone.resolve();
  };
  socket.addEventListener("close", end);
  socket.addEventListener("error", end);
  return {
    stack,
    closed: gone.promise,
    giveUp() {
      wanted = false;
      close();
      resolve(undefined);
    },
  };
}
