// How a deployment's requests are dispatched, in `shoal.yaml`: who shares it, second copies.

import { Type } from "typebox";
import { Count, Section } from "./schema-values.ts";

export const Tenants = Section(
  {
    header: Type.String({
      description:
        "The request header that says whose a request is, such as an API key; requests without it are one tenant's.",
      pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$",
      "x-wanted": 'the name of a header, such as "x-tenant" or "x-api-key"',
    }),
    weights: Type.Optional(
      Type.Record(
        Type.String({ minLength: 1 }),
        Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000, "x-wanted": "a number above 0" }),
        {
          description: "Shares by the value of the header; 1 for those not named.",
        },
      ),
    ),
    max_queued_requests: Type.Optional(
      Count({
        description: "Requests of one tenant that may wait. Default: as many as there is room for.",
        minimum: 1,
        maximum: 1_000_000,
      }),
    ),
  },
  "Who shares the deployment, and how: when there is not enough for all, each gets by its weight.",
);

export const Hedging = Section(
  {
    budget: Type.Number({
      description: "Second copies, as a share of requests, at most.",
      exclusiveMinimum: 0,
      maximum: 1,
      "x-wanted": "a share above 0, at most 1",
    }),
  },
  "A second copy, at another replica, of a request that takes much longer than expected; the first answer counts. Only while replicas are idle.",
);
