// Label selectors in Ray's form: every key must match the node's label.
//
//   zone: a          equal              zone: in(a,b)     one of
//   zone: "!a"       not equal          zone: "!in(a,b)"  none of

export type Labels = Readonly<Record<string, string>>;
export type LabelSelector = Readonly<Record<string, string>>;

const LIST = /^in\((.*)\)$/;

export function matchesLabels(labels: Labels, selector: LabelSelector): boolean {
  return Object.entries(selector).every(([key, wanted]) => {
    const negated = wanted.startsWith("!");
    const text = negated ? wanted.slice(1) : wanted;
    const list = LIST.exec(text)?.[1];
    const values = list === undefined ? [text] : list.split(",").map((value) => value.trim());
    const label = labels[key];
    const found = label !== undefined && values.includes(label);
    return found !== negated;
  });
}

export function describeSelector(selector: LabelSelector): string {
  return Object.entries(selector)
    .map(([key, wanted]) => `${key}: ${wanted}`)
    .join(", ");
}
