// The environment of a worker: the parent's, without what is about the parent's process only.
//
// 1. No inspector port, test runner or watch mode of the parent reaches a worker.

const OWN_TO_PARENT = [
  "NODE_TEST_CONTEXT",
  "NODE_CHANNEL_FD",
  "NODE_CHANNEL_SERIALIZATION_MODE",
  "NODE_UNIQUE_ID",
];
const OWN_FLAGS = /^--(?:inspect|debug|test|experimental-test|watch)(?:$|[-=])/;

/** `inherited` with `overrides` laid over it; an override of undefined removes a variable. */
export function childEnvironment(
  inherited: NodeJS.ProcessEnv,
  overrides: Readonly<Record<string, string | undefined>> = {},
): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...inherited };
  for (const name of OWN_TO_PARENT) delete environment[name];
  if (environment["NODE_OPTIONS"] !== undefined) {
    environment["NODE_OPTIONS"] = withoutOwnFlags(environment["NODE_OPTIONS"]);
  }
  for (const [name, value] of Object.entries(overrides)) {
    if (value === undefined) delete environment[name];
    else environment[name] = value;
  }
  return environment;
}

function withoutOwnFlags(nodeOptions: string): string {
  const tokens = nodeOptions.match(/(?:"(?:\\.|[^"])*"|[^\s"])+/g) ?? [];
  let dropping = false;
  const kept = tokens.filter((token) => {
    // What follows a dropped flag without a dash of its own is that flag's value.
    dropping = token.startsWith("-") ? OWN_FLAGS.test(token) : dropping;
    return !dropping;
  });
  return kept.join(" ");
}
