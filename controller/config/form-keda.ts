// `keda_options` of the file ⇄ what the listener goes by.

import { DEFAULTS } from "./defaults.ts";
import type { KedaOptionsFile } from "./schema-keda.ts";
import { resolvePath } from "./source-path.ts";
import type { KedaOptions } from "./types.ts";

/** `directory` is absolute: what relative paths start from. */
export function kedaOf(file: KedaOptionsFile, directory: string): KedaOptions {
  const { host, port, tls } = { ...DEFAULTS.keda, ...file };
  if (tls === undefined) return { host, port };
  const client = tls.client_ca_file;
  return {
    host,
    port,
    tls: {
      certFile: resolvePath(directory, tls.cert_file),
      keyFile: resolvePath(directory, tls.key_file),
      ...(client === undefined ? {} : { clientCaFile: resolvePath(directory, client) }),
    },
  };
}

/** As a file would have it; paths in it are absolute. */
export function kedaForm({ host, port, tls }: KedaOptions): KedaOptionsFile {
  if (tls === undefined) return { host, port };
  const { certFile, keyFile, clientCaFile } = tls;
  const client = clientCaFile === undefined ? {} : { client_ca_file: clientCaFile };
  return { host, port, tls: { cert_file: certFile, key_file: keyFile, ...client } };
}
