// The sockets of a compiled graph: a file for each process while it is set up, none afterwards.

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";

/** Gives each connection to `onSocket`, until it is disposed of; connections stay. Rejects when it cannot listen. */
export async function listen(
  folder: string,
  index: number,
  onSocket: (socket: Socket) => void,
): Promise<Disposable> {
  const server = createServer(onSocket);
  server.listen(join(folder, String(index)));
  await once(server, "listening");
  return { [Symbol.dispose]: () => server.close() };
}

/** To the process of that number, which listens already. */
export async function connectTo(folder: string, index: number): Promise<Socket> {
  const socket = connect(join(folder, String(index)));
  await once(socket, "connect");
  return socket;
}
