// `keda_options` in `shoal.yaml`: where KEDA asks, and who may.

import { type Static, Type } from "typebox";
import { DEFAULTS } from "./defaults.ts";
import { Host, Path, Port, Section } from "./schema-values.ts";

const Tls = Section(
  {
    cert_file: Path({ description: "Certificate chain of the listener, PEM; relative to this file." }),
    key_file: Path({ description: "Its private key, PEM." }),
    client_ca_file: Type.Optional(
      Path({
        description:
          "Authorities of clients, PEM: who shows no certificate of theirs is refused. Default: anybody is let in.",
      }),
    ),
  },
  "TLS of the listener. Default: none.",
);

export const KedaOptions = Section(
  { host: Host(DEFAULTS.keda.host), port: Port(DEFAULTS.keda.port), tls: Type.Optional(Tls) },
  "The listener that KEDA asks, gRPC; there is none without this section.",
);

export type KedaOptionsFile = Static<typeof KedaOptions>;
