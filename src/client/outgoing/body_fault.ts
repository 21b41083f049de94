/**
 * Whether JSON would silently lose or change a body, or something in it: `null` for `NaN`, `{}` for a
 * `Map`, nothing for a function. The body must not refer to itself.
 */
export function isAltered(value: unknown): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return false;
    case "number":
      return !Number.isFinite(value);
    case "object":
      return value !== null && isAlteredObject(value);
    default:
      return true;
  }
}

/**
 * Finds the part of a body that JSON cannot express.
 *
 * @returns Its place and value, such as `body.items[2].price is NaN`; `undefined` if there is none.
 */
export function findBodyFault(body: unknown): string | undefined {
  return findFault(body, "body", []);
}

export function nameKind(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === "number") return String(value);
  if (typeof value === "bigint") return "a BigInt";
  if (typeof value !== "object") return `a ${typeof value}`;
  if (value instanceof Date) return "an invalid Date";
  const name: unknown = value.constructor?.name;
  const kind = typeof name === "string" && name !== "" ? name : "Object";
  return /^[AEIO]/.test(kind) ? `an ${kind}` : `a ${kind}`;
}

function isAlteredObject(object: object): boolean {
  if (Array.isArray(object)) {
    for (let index = 0; index < object.length; index++) {
      if (isAltered(object[index])) return true;
    }
    return false;
  }
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) {
    return findFault(object, "body", []) !== undefined;
  }
  for (const key in object) {
    const value = (object as Record<string, unknown>)[key];
    // Undefined properties are left out, as usual.
    if (value !== undefined && isAltered(value)) return true;
  }
  return false;
}

/** The same with a description, and for bodies that refer to themselves. */
function findFault(value: unknown, path: string, around: readonly object[]): string | undefined {
  if (typeof value !== "object" || value === null) {
    return isAltered(value) ? `${path} is ${nameKind(value)}` : undefined;
  }
  if (around.includes(value)) return `${path} is an object that it is part of`;
  const inside = [...around, value];
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const fault = findFault(value[index], `${path}[${index}]`, inside);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  if ("toJSON" in value && typeof value.toJSON === "function") {
    if (value instanceof Date) {
      return Number.isNaN(value.getTime()) ? `${path} is ${nameKind(value)}` : undefined;
    }
    const given: unknown = value.toJSON();
    if (given === undefined) return undefined;
    if (given !== value) return findFault(given, path, inside);
  }
  if (isExotic(value)) return `${path} is ${nameKind(value)}`;
  for (const [key, item] of Object.entries(value)) {
    const fault = item === undefined ? undefined : findFault(item, join(path, key), inside);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Whether an object has content that its properties do not show. */
function isExotic(value: object): boolean {
  return value instanceof Map || value instanceof Set || value instanceof WeakMap ||
    value instanceof WeakSet || value instanceof Error || value instanceof RegExp ||
    value instanceof ArrayBuffer || ArrayBuffer.isView(value) ||
    // Most objects of the platform: Blob, Headers, WeakRef, iterators; the types refuse these, too.
    Symbol.toStringTag in value && Object.getPrototypeOf(value) !== null ||
    value instanceof Number && !Number.isFinite(value.valueOf()) ||
    "then" in value && typeof value.then === "function";
}

function join(path: string, key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}
