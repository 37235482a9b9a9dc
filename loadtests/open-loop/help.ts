// What `--help` says.

export const HELP = `Usage: npm run load -- --url <url> --rate <n> --duration <time> [options]

Sends HTTP requests when a plan says so, whatever has become of the earlier ones, and says what became of each.
Latencies count from the intended send time.

What is sent
  --url <url>            http only; several times for several, by turns of chance
  --method <method>      POST with a body, else GET
  --header <name: text>  several times for several
  --body <text|@file>    a text, or the bytes of a file; Content-Type is application/json unless given
  --classes <file>       JSON instead of the above: [{"name", "url", "method", "headers", "body", "weight", "timeoutMs"}, …]
                         for mixes of tenants (by header), priorities and models; a body that is no string is sent as JSON

When
  --rate <n>             requests a second
  --duration <time>      as 500ms, 10s, 2m, 1h
  --requests <n>         ends after so many
  --arrivals <process>   poisson (default), constant, or gamma with
  --cv <n>               the gaps' deviation over their mean: 1 is Poisson, above it bursts
  --profile <profile>    how the rate goes; flat, or
                         step:at=10s,factor=8[,until=20s]        ramp:from=0s,until=60s,factor=4
                         doubling:every=30s,max=16               spikes:every=300s,length=15s,factor=8
                         square:period=20s,duty=0.5              mmpp:factors=1/8,means=30s/5s
                         conv, code, twitter[:compress=60]       stand-ins for real traces
                         --rate is the long-run mean; of step, ramp, doubling and spikes it is the base
  --trace <file>         times from a file instead: CSV or .jsonl, numbers or dates
  --trace-column <name>  or its number from 0; the one called timestamp, time or ts
  --trace-unit <unit>    of numbers: s (default), ms, us, ns
  --trace-from <time>    what to take of the trace, in its own time: from here,
  --trace-for <time>     so much
  --compress <n>         time runs so many times as fast
  --scale <n>            so many times the arrivals
  --scale-mode <mode>    correlated (default: bursts stay as high) or independent (bursts average out)
  --seed <n>             of everything random (1)

How
  --timeout <time>       from the intended send time to the last byte (30s)
  --max-connections <n>  to each server (4096); a request that waits for one is reported
  --retries <n>          of what was refused, lost, or answered 429 or 503 (0)
  --pacing <how>         timer (default: about 1 ms late at the most) or spin (exact, a core kept busy)
  --id-prefix <text>     of the x-request-id; random by default

What is said
  --slo <time>           the objective: the share of requests answered within it
  --json                 one JSON document instead of tables
  --timeline <file>      a row for each second, as .csv or .jsonl
  --help                 this text

Exit codes: 0 measured (also when requests failed), 1 could not measure or no request was answered, 2 bad options.
The first Ctrl-C ends the sending and waits for what is under way, the second ends at once.`;
