// What a deploy changes, as lines for a person: `+` new, `~` changed, `-` removed, and what each change costs.

import { styleText } from "node:util";
import type { DeployView } from "../gateway/index.ts";

type Change = DeployView["applications"][number];

const COSTS = {
  light: "no replica notices",
  reconfigure: "replicas are reconfigured",
  heavy: "new replicas take the place of the old ones",
} as const;

/** Empty when nothing changes. */
export function deployText({ applications }: DeployView): string {
  return applications.flatMap(linesOf).join("\n");
}

function linesOf({ application, change, fields, deployments }: Change): string[] {
  switch (change) {
    case "unchanged":
      return [];
    case "retried":
      return [styleText("yellow", `~ ${application}: as before, tried again`)];
    case "removed":
      return [styleText("red", `- ${application}`)];
    case "added":
      return [styleText("green", `+ ${application}`), ...deployments.map(({ name }) => `  + ${name}`)];
    case "changed":
      return [
        styleText("yellow", `~ ${application}`),
        ...fields.map((field) => `    ${fieldText(field)}`),
        ...deployments.flatMap(deploymentLines),
      ];
  }
}

function deploymentLines({ name, change, cost, fields, files }: Change["deployments"][number]): string[] {
  if (change === "added") return [styleText("green", `  + ${name}`)];
  if (change === "removed") return [styleText("red", `  - ${name}`)];
  return [
    `  ~ ${name} (${COSTS[cost]})`,
    ...fields.map((field) => `      ${fieldText(field)}`),
    ...(files ? ["      its files changed"] : []),
  ];
}

function fieldText({ path, before, after }: Change["fields"][number]): string {
  return `${path}: ${valueText(before)} → ${valueText(after)}`;
}

const MAX_VALUE = 100;

function valueText(value: unknown): string {
  const text = JSON.stringify(value) ?? "none";
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}
