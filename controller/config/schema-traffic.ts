// The `traffic` of an application in `shoal.yaml`: several deployments as versions of one thing.

import { type Static, Type } from "typebox";
import { DEFAULTS } from "./defaults.ts";
import { Count, Name, Seconds, Section } from "./schema-values.ts";

const { canary, shadow, sticky } = DEFAULTS.traffic;

/** RFC 9110, 5.6.2; names of cookies are tokens too. */
const TOKEN = "^[A-Za-z0-9!#$%&'*+.^_`|~\\-]+$";
const WANTED_TOKEN = "a name of letters, digits and the characters ! # $ % & ' * + . ^ _ ` | ~ -";

const Token = (description: string) =>
  Type.String({ description, pattern: TOKEN, maxLength: 256, "x-wanted": WANTED_TOKEN });

const Values = (description: string) =>
  Type.Optional(
    Type.Record(Type.String({ pattern: TOKEN }), Type.String({ minLength: 1, maxLength: 1024 }), {
      additionalProperties: false,
      description,
    }),
  );

const Percent = (about: { readonly description: string; readonly default?: number }) =>
  Type.Number({
    ...about,
    exclusiveMinimum: 0,
    maximum: 100,
    "x-wanted": "percent above 0, at most 100",
  });

const Match = Section(
  {
    headers: Values('Headers that a request must have, with these values; "*" is any value.'),
    cookies: Values('Cookies that a request must have, with these values; "*" is any value.'),
  },
  "What a request must have to go to this version: all of it.",
);

const Canary = Section(
  {
    steps: Type.Optional(
      Type.Array(
        Type.Number({
          minimum: 0.01,
          maximum: 99.99,
          "x-wanted": "percent above 0 and below 100",
        }),
        {
          description:
            "Shares of the stable version's requests, in percent, rising; after the last it has all.",
          default: canary.steps,
          minItems: 1,
          maxItems: 100,
        },
      ),
    ),
    interval_s: Type.Optional(
      Seconds({ description: "Least time at each step, in seconds.", default: canary.interval_s }),
    ),
    min_requests: Type.Optional(
      Count({
        description: "Requests that it must have answered at a step before it goes on to the next.",
        default: canary.min_requests,
        minimum: 1,
        maximum: 1_000_000,
      }),
    ),
    max_error_rate: Type.Optional(
      Type.Number({
        description:
          "Share of its requests that may fail, 0 to 1; more, and more than of the stable version, ends it.",
        default: canary.max_error_rate,
        minimum: 0,
        maximum: 0.99,
      }),
    ),
    max_latency_ratio: Type.Optional(
      Type.Number({
        description: "How many times the stable version's its median and 95th percentile of latency may be.",
        default: canary.max_latency_ratio,
        minimum: 1,
        maximum: 1000,
      }),
    ),
  },
  "A version on trial: its share grows by itself, or it is rolled back.",
);

const tolerance = (description: string, value: number) =>
  Type.Optional(Type.Number({ description, default: value, minimum: 0, maximum: 1e9 }));

const Shadow = Section(
  {
    percent: Type.Optional(
      Percent({ description: "Percent of the requests that are copied to it.", default: shadow.percent }),
    ),
    relative_tolerance: tolerance(
      "Differences of floating-point outputs up to this share of the expected value are none.",
      shadow.relative_tolerance,
    ),
    absolute_tolerance: tolerance(
      "Differences of floating-point outputs up to this are none.",
      shadow.absolute_tolerance,
    ),
    max_ongoing_requests: Type.Optional(
      Count({
        description: "Copies under way at a time; one more is not made.",
        default: shadow.max_ongoing_requests,
        minimum: 1,
        maximum: 1024,
      }),
    ),
  },
  "A version that gets copies: its answers are compared and thrown away.",
);

const Version = Section(
  {
    deployment: Name({ description: "Name of a deployment of this application." }),
    weight: Type.Optional(
      Type.Number({
        description:
          "Percent of the requests that no `match` takes; the weights of all versions add up to 100.",
        default: 0,
        minimum: 0,
        maximum: 100,
        "x-wanted": "percent from 0 to 100",
      }),
    ),
    match: Type.Optional(
      Type.Array(Match, {
        description: "Requests that go here whatever the weights: those that fit any of these.",
        minItems: 1,
        maxItems: 100,
      }),
    ),
    canary: Type.Optional(Canary),
    shadow: Type.Optional(Shadow),
  },
  "One deployment as a version.",
);

const Sticky = Section(
  {
    cookie: Type.Optional(Token("Name of the cookie that Shoal sets to know a session again.")),
    max_age_s: Type.Optional(
      Seconds({ description: "Seconds that the cookie lasts.", default: sticky.max_age_s }),
    ),
    header: Type.Optional(
      Token("Name of the header that says who asks, such as x-user-id or authorization."),
    ),
  },
  "Keeps a session, or whoever asks, at one version while the weights allow it: by cookie or by header.",
);

export const Traffic = Section(
  {
    model: Type.Optional(
      Name({ description: "V2 model name under which the versions answer together. Default: none." }),
    ),
    versions: Type.Array(Version, {
      description: "The versions; the application's ingress, the stable one, is among them.",
      minItems: 1,
      maxItems: 100,
    }),
    sticky: Type.Optional(Sticky),
  },
  "How requests are shared among deployments as versions of one thing.",
);

export type TrafficFile = Static<typeof Traffic>;
