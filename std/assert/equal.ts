/**
 * What makes two values equal: the same primitive, or the same kind of object with equal contents.
 *
 * @module
 */

type Pairs = Map<object, object>;

/**
 * Tells whether two values are equal, at any depth. `NaN` equals itself, and `0` equals `-0`.
 *
 * @param a One value.
 * @param b The other.
 * @returns Whether they are equal.
 */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

function compare(a: unknown, b: unknown, seen: Pairs): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (!isObject(a) || !isObject(b)) return false;
  if (prototypeOf(a) !== prototypeOf(b)) return false;
  // Values that hold themselves: what is being compared already counts as equal meanwhile.
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (a instanceof ArrayBuffer && b instanceof ArrayBuffer) {
    return compareBytes(new Uint8Array(a), new Uint8Array(b));
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  if (a instanceof Set && b instanceof Set) return compareSets(a, b, seen);
  if (a instanceof Map && b instanceof Map) return compareMaps(a, b, seen);
  return compareFields(a, b, seen);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** An object without a prototype is as good as a plain one. */
function prototypeOf(value: object): object {
  return Object.getPrototypeOf(value) ?? Object.prototype;
}

function compareBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function compareSets(a: Set<unknown>, b: Set<unknown>, seen: Pairs): boolean {
  if (a.size !== b.size) return false;
  return [...a].every((value) =>
    b.has(value) || isObject(value) && [...b].some((other) => compare(value, other, new Map(seen)))
  );
}

function compareMaps(a: Map<unknown, unknown>, b: Map<unknown, unknown>, seen: Pairs): boolean {
  if (a.size !== b.size) return false;
  return [...a].every((entry) =>
    b.has(entry[0])
      ? compare(entry[1], b.get(entry[0]), seen)
      : isObject(entry[0]) && [...b].some((other) => compare(entry, other, new Map(seen)))
  );
}

function compareFields(a: object, b: object, seen: Pairs): boolean {
  if (isDense(a) && isDense(b)) return compareLists(a, b, seen);
  const keys = fieldsOf(a);
  const others = fieldsOf(b);
  if (keys.size !== others.size) return false;
  return [...keys].every((key) =>
    others.has(key) && compare(Reflect.get(a, key), Reflect.get(b, key), seen)
  );
}

/** Whether it is a list without gaps, and without fields of its own. */
function isDense(value: object): value is unknown[] {
  if (!Array.isArray(value) || Object.getPrototypeOf(value) !== Array.prototype) return false;
  // Numbers come first, and "length" before all other fields.
  const keys = Reflect.ownKeys(value);
  return keys.length === value.length + 1 && keys[value.length] === "length";
}

/** Lists in tests are long: they are compared without sets of their fields. */
function compareLists(a: readonly unknown[], b: readonly unknown[], seen: Pairs): boolean {
  return a.length === b.length && a.every((value, index) => compare(value, b[index], seen));
}

/** The fields of a plain object or list; of another object also the hidden and inherited ones. */
function fieldsOf(value: object): Set<PropertyKey> {
  const kind = Object.getPrototypeOf(value);
  if (kind === null || kind === Object.prototype || kind === Array.prototype) {
    const keys = Reflect.ownKeys(value);
    return new Set(keys.filter((key) => key === "length" || isEnumerable(value, key)));
  }
  const keys = new Set<PropertyKey>();
  for (
    let level = value;
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level)
  ) Reflect.ownKeys(level).forEach((key) => keys.add(key));
  return keys;
}

function isEnumerable(value: object, key: PropertyKey): boolean {
  return Object.prototype.propertyIsEnumerable.call(value, key);
}
