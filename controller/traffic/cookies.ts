// One cookie out of a Cookie header (RFC 6265, 4.2), without taking the others apart.

/** The value of the first cookie of that name, without quotes around it; undefined when there is none. */
export function cookieIn(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  for (let at = 0; at < header.length; ) {
    const semicolon = header.indexOf(";", at);
    const end = semicolon === -1 ? header.length : semicolon;
    while (header.charCodeAt(at) === SPACE) at++;
    if (header.startsWith(name, at) && header.charCodeAt(at + name.length) === EQUALS) {
      return unquoted(header.slice(at + name.length + 1, end).trimEnd());
    }
    at = end + 1;
  }
  return undefined;
}

const SPACE = 0x20;
const EQUALS = 0x3d;

function unquoted(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}
