// What the tests of the command share: configs, folders, and ports that are taken.

import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const MODEL = fileURLToPath(
  new URL("../runtime/engines/fixtures/identity-int32.onnx", import.meta.url),
);

/** A config with one model, `net`, and whatever else its applications are to have. */
export function configOf(...more: string[]): string {
  return [
    "applications:",
    "  - name: one",
    "    route_prefix: /one",
    "    deployments:",
    `      - { name: net, model: ${MODEL}, resources: { num_cpus: 0.1 } }`,
    ...more,
    "",
  ].join("\n");
}

export class TestFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<TestFolder> {
    return new TestFolder(await mkdtemp(join(tmpdir(), "shoal-test-")));
  }

  async write(name: string, content: string): Promise<string> {
    const path = join(this.path, name);
    await writeFile(path, content);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** A port of 127.0.0.1 that somebody else listens on. */
export async function takenPort(): Promise<Disposable & { readonly port: number }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.dispose]: () => void server.close() };
}
