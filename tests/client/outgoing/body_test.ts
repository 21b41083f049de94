/**
 * What can be sent: what compiles, and what is refused when it is sent.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import type { Connection, Message, MessageBody } from "@simplemq/simplemq";
import { BodyKind } from "../../../protocol.ts";
import { encodeBody, listBodies } from "../../../src/client/outgoing/body.ts";

interface Line {
  readonly item: string;
  readonly count: number;
}

/** An interface, with what may be missing, lists, and itself. */
interface Order {
  readonly id: number;
  readonly lines: readonly Line[];
  readonly note?: string;
  readonly state: "open" | "paid" | null;
  readonly placedAt?: Date;
  readonly before?: Order;
  readonly parts?: readonly Order[];
}

type Point = [x: number, y: number];

class Money {
  readonly cents = 0;
  add(): Money {
    return this;
  }
}

class Price extends Money {
  toJSON(): number {
    return this.cents;
  }
}

/** What has values of its own type inside. */
type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

interface Values extends Array<Values | number> {}

// Nothing of these is run: that they compile, and what is marked does not, is the test.

export async function compileAnything(
  connection: Connection,
  order: Order,
  message: Message,
  json: Json,
  values: Values,
): Promise<void> {
  const untyped = connection.publisher("any");
  const point: Point = [1, 2];
  const record: Record<string, unknown> = {};
  const dictionary: { [name: string]: number | undefined } = {};
  const body: MessageBody = order;
  for (const one of [body, null]) await untyped.sendMessage(one);
  await untyped.sendMessage(order);
  await untyped.sendMessage("text");
  await untyped.sendMessage(new Uint8Array());
  await untyped.sendMessage([1, "two", { three: [order] }]);
  await untyped.sendMessage(point);
  await untyped.sendMessage(record);
  await untyped.sendMessage(dictionary);
  await untyped.sendMessage({ nothing: undefined, at: new Date(), price: new Price() });
  await untyped.sendMessage(JSON.parse("{}"));
  await untyped.sendMessage(json);
  await untyped.sendMessage(values);
  await untyped.sendMessages([1, "two", order, new Uint8Array()]);
  await untyped.sendMessages(new Set([order]), { key: ({ id }) => String(id) });
  await untyped.sendMessages([{ customer: "ann" }], { key: (body) => body.customer });
  await untyped.request(order);
  await untyped.request({ any: "thing", list: [1, { two: 2 }] });
  await message.reply({ words: ["a"], total: 1 });
  await message.reply([1, order]);
}

export async function compileTyped(connection: Connection, order: Order): Promise<unknown> {
  const orders = connection.publisher<Order>(/orders/);
  await orders.sendMessage(order);
  await orders.sendMessage({ id: 1, lines: [{ item: "a", count: 1 }], state: null });
  await orders.sendMessages([order], {
    key: (order: Order) => order.state ?? undefined,
    priority: (order) => order.lines.length,
  });
  const reply = await orders.request<string>(order);
  const [peeked] = await connection.cursor().peek<Order>("orders");
  const { body: { lines } } = await connection.cursor().getMessage<Order>("orders", 1);
  const texts: string[] = [reply.body, ...lines.map(({ item }) => item)];
  const count: number | undefined = peeked?.body.lines.length;
  const bytes = connection.publisher<Uint8Array>("bytes");
  await bytes.sendMessage(new Uint8Array());
  await connection.publisher<string | number>("either").sendMessage(7);
  return [texts, count];
}

export async function refuseAnything(
  connection: Connection,
  order: Order,
  unknownThing: unknown,
  message: Message,
): Promise<void> {
  const untyped = connection.publisher("any");
  // @ts-expect-error: what it is is not known
  await untyped.sendMessage(unknownThing);
  // @ts-expect-error: a text is one body, not several
  await untyped.sendMessages("text");
  // @ts-expect-error: bytes are one body, not several
  await untyped.sendMessages(new Uint8Array());
  // @ts-expect-error: nothing is no body
  await untyped.sendMessage(undefined);
  // @ts-expect-error: a function
  await untyped.sendMessage(() => {});
  // @ts-expect-error: a class
  await untyped.sendMessage(Money);
  // @ts-expect-error: a map
  await untyped.sendMessage(new Map());
  // @ts-expect-error: a set, inside
  await untyped.sendMessage({ tags: new Set(["a"]) });
  // @ts-expect-error: a promise, which somebody forgot to await
  await untyped.sendMessage(Promise.resolve(order));
  // @ts-expect-error: an object of a class with methods
  await untyped.sendMessage(new Money());
  // @ts-expect-error: the same, inside
  await untyped.sendMessage({ list: [{ price: new Money() }] });
  // @ts-expect-error: a bigint
  await untyped.sendMessage(1n);
  // @ts-expect-error: a symbol, inside
  await untyped.sendMessage({ kind: Symbol("x") });
  // @ts-expect-error: bytes inside of an object
  await untyped.sendMessage({ bytes: new Uint8Array() });
  // @ts-expect-error: a hole in a list
  await untyped.sendMessage([1, undefined]);
  // @ts-expect-error: one of several
  await untyped.sendMessages([order, new Map()]);
  // @ts-expect-error: a function
  await untyped.request(() => {});
  // @ts-expect-error: a set
  await untyped.request(new Set());
  // @ts-expect-error: a promise, which somebody forgot to await
  await message.reply(Promise.resolve(1));
  // @ts-expect-error: a function
  await message.reply(() => {});
  // @ts-expect-error: nothing
  await message.reply(undefined);
}

export async function refuseTyped(connection: Connection, order: Order): Promise<void> {
  const orders = connection.publisher<Order>("orders");
  // @ts-expect-error: no order
  await orders.sendMessage({ id: 1 });
  // @ts-expect-error: an order with something that orders do not have
  await orders.sendMessage({ id: 1, lines: [], state: null, notes: "typed wrong" });
  // @ts-expect-error: a text is no order
  await orders.sendMessage("text");
  // @ts-expect-error: not several orders
  await orders.sendMessages([order, 7]);
  // @ts-expect-error: an order has no customer
  await orders.sendMessages([order], { key: (order: Order) => order.customer });
  // @ts-expect-error: no order
  await orders.request({ id: 1 });
  // @ts-expect-error: there is no such option
  await orders.sendMessage(order, { delay: 1 });
}

/** What is refused when it is sent, and what is said of it. */
const refused: [body: unknown, what: string][] = [
  [undefined, "body is undefined"],
  [() => {}, "body is a function"],
  [Symbol("x"), "body is a symbol"],
  [1n, "body is a BigInt"],
  [NaN, "body is NaN"],
  [Infinity, "body is Infinity"],
  [new Map([[1, 2]]), "body is a Map"],
  [new Set(), "body is a Set"],
  [new Error("lost"), "body is an Error"],
  [/a/, "body is a RegExp"],
  [new ArrayBuffer(1), "body is an ArrayBuffer"],
  [new Float64Array(1), "body is a Float64Array"],
  [Promise.resolve(1), "body is a Promise"],
  [new Date(NaN), "body is an invalid Date"],
  [[1, undefined], "body[1] is undefined"],
  [new Array(2), "body[0] is undefined"],
  [{ items: [{ price: 1 }, { price: -Infinity }] }, "body.items[1].price is -Infinity"],
  [{ "a b": { deep: NaN } }, 'body["a b"].deep is NaN'],
  [{ total: 1n }, "body.total is a BigInt"],
  [{ run() {} }, "body.run is a function"],
  [{ bytes: new Uint8Array(1) }, "body.bytes is a Uint8Array"],
  [{ cause: Object.assign(new TypeError("no"), { code: 7 }) }, "body.cause is a TypeError"],
  [{ at: new Date(NaN) }, "body.at is an invalid Date"],
  [{ blob: new Blob() }, "body.blob is a Blob"],
  [[new Headers()], "body[0] is a Headers"],
  [new WeakRef({}), "body is a WeakRef"],
  [[1].values(), "body is an Iterator"],
  [new Number(NaN), "body is a Number"],
  [{ price: { toJSON: () => NaN } }, "body.price is NaN"],
  [{ prices: { toJSON: () => [1, Infinity] } }, "body.prices[1] is Infinity"],
  [Object.assign(Object.create(Money.prototype), { x: NaN }), "body.x is NaN"],
  [Object.assign(Object.create(null), { x: NaN }), "body.x is NaN"],
];

Deno.test("what JSON would change is refused, and where it is is told", () => {
  for (const [body, what] of refused) {
    assertThrows(
      () => encodeBody(body, 1000, 'Cannot publish to "orders"'),
      TypeError,
      `Cannot publish to "orders": ${what}, which JSON cannot express`,
    );
  }
});

Deno.test("a body that refers to itself, throws or is nested too deep is refused", () => {
  const circular: Record<string, unknown> = { a: [{}] };
  (circular["a"] as unknown[])[0] = { self: circular };
  let deep: unknown = 1;
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  const thrower = {
    toJSON() {
      throw new RangeError("not today");
    },
  };
  const getter = {
    get total() {
      throw new RangeError("not today");
    },
  };
  const bodies: [body: unknown, what: string][] = [
    [getter, "the body cannot become JSON: not today"],
    [circular, "body.a[0].self is an object that it is part of, which JSON cannot express"],
    [deep, "the body cannot become JSON: Maximum call stack size exceeded"],
    [thrower, "the body cannot become JSON: not today"],
    [{ toJSON: () => undefined }, "the body cannot become JSON: its toJSON() gives undefined"],
  ];
  for (const [body, what] of bodies) {
    const error = assertThrows(() => encodeBody(body, 1000, "Cannot publish"), TypeError, what);
    if (what.endsWith("not today")) assertEquals((error.cause as Error).message, "not today");
  }
});

Deno.test("what JSON can express is sent as it is", () => {
  const shared = { n: 1 };
  const bodies = [
    null,
    [],
    {},
    { a: null, b: [null, ""], none: undefined },
    { twice: [shared, shared] },
    new Money(),
    new Price(),
    { at: new Date(0), url: new URL("http://localhost/") },
    Object.assign(Object.create(null), { x: 1 }),
    -0,
  ];
  for (const body of bodies) {
    const { kind, content } = encodeBody(body, 1000, "Cannot publish");
    assertEquals([kind, content], [BodyKind.json, JSON.stringify(body)]);
  }
});

Deno.test("a single body where several are expected is refused", () => {
  const single: [bodies: unknown, what: string][] = [
    ["text", "found a string"],
    [new Uint8Array(3), "found a Uint8Array"],
    [{ id: 1 }, "found an Object"],
    [7, "found 7"],
    [undefined, "found undefined"],
  ];
  for (const [bodies, what] of single) {
    const list = () => listBodies(bodies as Iterable<unknown>, 'Cannot publish to "orders"');
    assertThrows(list, TypeError, `sendMessages() takes several bodies, such as an array, ${what}`);
  }
  assertEquals(listBodies(new Set([1, 2]), ""), [1, 2]);
});
