// The bytes of a config file, bounded, or why there are none.

import { open } from "node:fs/promises";
import { messageOf, systemCodeOf } from "../errors.ts";
import { MAX_CONFIG_BYTES } from "./decode.ts";
import type { ConfigOutcome } from "./fault.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EACCES: "a file that may not be read",
  EPERM: "a file that may not be read",
  EISDIR: "a directory",
};

/**
 * Reads at most one byte more than `MAX_CONFIG_BYTES`, so that the decoder sees that it is too much, also of
 * a file that never ends. A file that cannot be read is a fault at its first character.
 */
export async function readConfigFile(path: string): Promise<ConfigOutcome<Uint8Array>> {
  try {
    await using handle = await open(path);
    const bytes = Buffer.alloc(MAX_CONFIG_BYTES + 1);
    let length = 0;
    while (length < bytes.byteLength) {
      const { bytesRead } = await handle.read(bytes, length, bytes.byteLength - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return { kind: "ok", value: bytes.subarray(0, length) };
  } catch (thrown) {
    const found = REASONS[systemCodeOf(thrown) ?? ""] ?? messageOf(thrown);
    const fault = { file: path, line: 1, column: 1, path: "", found, wanted: "a readable file" };
    return { kind: "faults", faults: [fault] };
  }
}
