// The door alone, a process: what fastify costs for the bodies that Shoal is sent, without any model. It reads
// a body in full (the raw bytes of a binary one, JSON.parse of the other) and sends a fixed answer of the size of the
// real one. Nothing that serves V2 on fastify can be faster; Shoal is measured against it.

import fastify from "fastify";
import { BENCH_MODELS } from "../models/bench-models.ts";
import { inferAnswer } from "./bodies.ts";

const MAX_BODY_BYTES = 64 * 1024 * 1024;

const server = fastify({ bodyLimit: MAX_BODY_BYTES });
server.removeAllContentTypeParsers();
server.addContentTypeParser("application/octet-stream", { parseAs: "buffer" }, (_request, body, done) => {
  done(null, body);
});
server.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
  done(null, JSON.parse(body.toString()));
});
for (const model of Object.values(BENCH_MODELS)) {
  const binary = inferAnswer(model, "binary");
  const json = inferAnswer(model, "json");
  server.post(`/v2/models/${model.name}/infer`, (request, reply) => {
    const { headers, body } = Buffer.isBuffer(request.body) ? binary : json;
    return reply.headers(headers).send(body);
  });
}
server.get("/v2/health/ready", () => "");

// The parent holds the other end of standard input: when it is gone, so is the door.
process.stdin.resume().on("end", () => process.exit(0));
process.stdout.write(`${await server.listen({ host: "127.0.0.1", port: 0 })}\n`);
