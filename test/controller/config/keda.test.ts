// `keda_options`: where KEDA may ask, what it is when nothing is said, and what is refused with its place.

import assert from "node:assert/strict";
import { resolve } from "node:path";
import { describe, test } from "node:test";
import {
  decodeConfig,
  exposedListeners,
  type ServeConfig,
  toFileForm,
} from "../../../controller/config/index.ts";
import { formatFault } from "../../../runtime/base/config/index.ts";

const APPLICATIONS = "applications: [{ deployments: [{ name: a, model: a.onnx }] }]";

function outcomeOf(more: string, directories: readonly string[] = []) {
  return decodeConfig(`${APPLICATIONS}\n${more}\n`, { file: "etc/s.yaml", directories });
}

function decoded(more: string, directories: readonly string[] = []): ServeConfig {
  const outcome = outcomeOf(more, directories);
  assert(outcome.kind === "ok", JSON.stringify(outcome));
  return outcome.value;
}

const TLS = "tls: { cert_file: tls/a.pem, key_file: /srv/a.key, client_ca_file: ca.pem }";

test("without it nobody listens; it has a port and a loopback address of its own; its paths are absolute", () => {
  assert.equal(decoded("").keda, undefined);
  assert.deepEqual(decoded("keda_options: {}").keda, { host: "127.0.0.1", port: 8266 });
  assert.deepEqual(decoded(`keda_options: { host: 0.0.0.0, port: 0, ${TLS} }`).keda, {
    host: "0.0.0.0",
    port: 0,
    tls: { certFile: resolve("etc/tls/a.pem"), keyFile: "/srv/a.key", clientCaFile: resolve("etc/ca.pem") },
  });
  const stored = decoded("keda_options: { tls: { cert_file: a.pem, key_file: a.key } }", ["/one"]);
  assert.deepEqual(stored.keda?.tls, { certFile: "/one/a.pem", keyFile: "/one/a.key" });
});

test("the file form, decoded, is the same config again", () => {
  for (const more of ["keda_options: { port: 1 }", `keda_options: { ${TLS} }`]) {
    const config = decoded(more);
    assert.deepEqual(decodeConfig(JSON.stringify(toFileForm(config)), { file: "/x/s.json" }), {
      kind: "ok",
      value: config,
    });
  }
});

test("other machines reach it beyond loopback, unless only clients that it can name are let in", () => {
  const own = "tls: { cert_file: a.pem, key_file: a.key }";
  const exposed = (keda: string) => exposedListeners(decoded(`keda_options: ${keda}`));
  assert.deepEqual(exposed("{}"), []);
  assert.deepEqual(exposed("{ host: 0.0.0.0 }"), [{ listener: "keda", host: "0.0.0.0" }]);
  assert.deepEqual(exposed(`{ host: 0.0.0.0, ${own} }`), [{ listener: "keda", host: "0.0.0.0" }]);
  assert.deepEqual(exposed(`{ host: 0.0.0.0, ${TLS} }`), []);
});

describe("what is refused", () => {
  const cases: [string, string, string[]][] = [
    [
      "the default port of another listener",
      "http_options: { port: 8266 }\nkeda_options: {}",
      ["etc/s.yaml:3:15: found the port 8266 of http_options.port at keda_options, wanted a port of its own"],
    ],
    [
      "its port, taken by the admin listener on any address",
      "admin_options: { host: 0.0.0.0 }\nkeda_options: { port: 8265 }",
      [
        "etc/s.yaml:3:23: found the port 8265 of admin_options.port at keda_options.port, wanted a port of its own",
      ],
    ],
    [
      "a certificate without its key",
      "keda_options: { tls: { cert_file: a.pem } }",
      [
        "etc/s.yaml:2:22: found nothing at keda_options.tls.key_file, wanted the path of a file, relative to this file or absolute, not a URL",
      ],
    ],
    [
      "a slip in a key",
      "keda_options: { prot: 9 }",
      [
        'etc/s.yaml:2:17: found the unknown key "prot" at keda_options.prot, wanted a known key; did you mean "port"?',
      ],
    ],
  ];
  for (const [what, more, faults] of cases) {
    test(what, () => {
      const outcome = outcomeOf(more);
      assert.deepEqual(outcome.kind === "ok" ? [] : outcome.faults.map(formatFault), faults);
    });
  }
  test("but not the same port on addresses that do not meet", () => {
    assert.equal(outcomeOf("http_options: { host: 10.0.0.1, port: 8266 }\nkeda_options: {}").kind, "ok");
    assert.equal(outcomeOf("http_options: { port: 0 }\nkeda_options: { port: 0 }").kind, "ok");
  });
});
