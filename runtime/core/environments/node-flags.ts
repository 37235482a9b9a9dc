// Which flags of Node a worker may be given.
//
// Refused is what makes Node do something else than run the worker, what takes its value from the next argument, and
// what would have workers fight for a port: an inspector. Everything else passes; a flag that Node does not know ends
// the process, which is a failure of the environment's set-up with Node's own words.

/** A different thing to run, or an end before anything runs. */
const OTHER_MODES =
  /^--(?:eval|print|check|interactive|run|version|help|v8-options|completion-bash|build-.*|prof-process|input-type|entry-url|experimental-sea-config|test(?:-.*)?|experimental-test-.*|watch(?:-.*)?|experimental-config-file|experimental-default-config-file)(?:=|$)/;
const INSPECTOR = /^--(?:no-)?(?:inspect|debug)(?:-[a-z-]+)?(?:=|$)/;
/** They take a value, which must be part of the argument: the next one would be the worker's entry. */
const NEEDS_VALUE =
  /^--(?:require|import|loader|experimental-loader|conditions|env-file|env-file-if-exists|max-old-space-size|max-semi-space-size|stack-size|title|icu-data-dir|openssl-config|redirect-warnings|disable-warning|dns-result-order|unhandled-rejections|trace-event-categories|diagnostic-dir|report-.*|heapsnapshot-.*|secure-heap.*|tls-.*)$/;

/** What is wanted instead, as part of a message; undefined when the flag may be used. */
export function refusalOfFlag(flag: string): string | undefined {
  if (!/^--[a-z0-9]/i.test(flag)) return "a flag that begins with two dashes, its value behind =";
  const name = flag.replaceAll("_", "-");
  if (OTHER_MODES.test(name)) return "a flag that lets Node run the worker";
  if (INSPECTOR.test(name)) return "no inspector: process.kill(pid, 'SIGUSR1') opens one in a single worker";
  if (NEEDS_VALUE.test(name)) return `${flag}=<value>`;
  return undefined;
}
