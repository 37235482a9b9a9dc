// One keep-alive connection: carries one request after the other and says what became of each.
//
// 1. A request given to a connection gets exactly one of `onAnswer`, `onRefused` and `onLost`, unless it is abandoned.
// 2. A second answer is told by `onTwice`, also when it is cut short, and ends the connection: what else comes on it could belong to anyone.
// 3. The next request is not written before everything that came with an answer has been looked at.

import { Socket } from "node:net";
import { type Answer, AnswerReader } from "./answer-reader.ts";
import type { Flight } from "./flight.ts";

export interface Address {
  /** An IP address: names are looked up before the load. */
  readonly host: string;
  readonly port: number;
}

export interface ConnectionEvents {
  onAnswer(flight: Flight, answer: Answer): void;
  onRefused(flight: Flight, cause: string): void;
  /** `onReuse`: an earlier request had been answered on the connection, and of this one's answer no byte came. */
  onLost(flight: Flight, cause: string, onReuse: boolean): void;
  onTwice(flight: Flight): void;
  /** Ready for the next request. */
  onFree(connection: Connection): void;
  /** Gone; told once, after the end of its request. */
  onClosed(connection: Connection): void;
}

type State =
  | { readonly kind: "connecting"; readonly flight: Flight }
  | { readonly kind: "busy"; readonly flight: Flight; readonly earlier: Flight | undefined }
  | { readonly kind: "free"; readonly earlier: Flight; readonly sinceMs: number; readonly keepAlive: boolean }
  | { readonly kind: "closed" };

const READ_BUFFER_BYTES = 16_384;
const REQUEST_TIMEOUT = 408;
const NOT_HTTP = "not HTTP";
const STRANGE = "an answer to another request";

export class Connection {
  readonly #events: ConnectionEvents;
  readonly #reader = new AnswerReader();
  readonly #socket: Socket;
  #state: State;
  #cause = "";

  private constructor(flight: Flight, events: ConnectionEvents) {
    this.#events = events;
    this.#state = { kind: "connecting", flight };
    flight.abandon = () => this.#abandon();
    const onread = {
      buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
      callback: (length: number, bytes: Uint8Array) => {
        this.#onBytes(bytes, length);
        return true;
      },
    };
    this.#socket = new Socket({ onread });
    this.#socket.on("connect", () => this.#onConnect());
    this.#socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#cause = error.code ?? error.message;
    });
    this.#socket.on("close", () => this.#onClose());
  }

  /** Connects, and sends `flight` when it is. */
  static open(address: Address, flight: Flight, events: ConnectionEvents): Connection {
    const connection = new Connection(flight, events);
    connection.#socket.connect({ host: address.host, port: address.port });
    return connection;
  }

  /** Since when it has had nothing to do; undefined when it has, or is gone. */
  get freeSinceMs(): number | undefined {
    return this.#state.kind === "free" && !this.#reader.busy ? this.#state.sinceMs : undefined;
  }

  /** Sends on a free connection. */
  send(flight: Flight): void {
    const earlier = this.#state.kind === "free" ? this.#state.earlier : undefined;
    this.#state = { kind: "busy", flight, earlier };
    flight.abandon = () => this.#abandon();
    this.#write(flight);
  }

  close(): void {
    this.#socket.destroy();
    this.#onClose();
  }

  #onConnect(): void {
    if (this.#state.kind !== "connecting") return;
    const { flight } = this.#state;
    this.#state = { kind: "busy", flight, earlier: undefined };
    this.#socket.setNoDelay(true);
    this.#write(flight);
  }

  #write(flight: Flight): void {
    const { beforeId, afterId, body } = flight.target.template;
    const head = beforeId + flight.id + afterId;
    flight.writtenMs ??= performance.now();
    if (body === undefined) {
      this.#socket.write(head, "latin1");
      return;
    }
    this.#socket.cork();
    this.#socket.write(head, "latin1");
    this.#socket.write(body);
    this.#socket.uncork();
  }

  #onBytes(bytes: Uint8Array, length: number): void {
    for (const answer of this.#reader.push(bytes, length)) this.#onAnswer(answer);
    if (this.#reader.broken) {
      this.#cause = NOT_HTTP;
      this.close();
    }
    // Invariant 3.
    if (this.#state.kind !== "free") return;
    if (!this.#state.keepAlive) this.close();
    else if (!this.#reader.busy) this.#events.onFree(this);
  }

  #onAnswer(answer: Answer): void {
    const state = this.#state;
    if (state.kind === "busy") {
      const { flight, earlier } = state;
      const named = answer.requestId;
      if (named !== "" && named !== flight.id) {
        if (earlier !== undefined && named === earlier.id) {
          // The server says whose it is: the second to the request before, and this one's is yet to come.
          this.#events.onTwice(earlier);
        } else {
          this.#cause = STRANGE;
          this.close();
        }
        return;
      }
      flight.abandon = undefined;
      this.#state = {
        kind: "free",
        earlier: flight,
        sinceMs: performance.now(),
        keepAlive: answer.keepAlive,
      };
      this.#events.onAnswer(flight, answer);
    } else if (state.kind === "free") {
      // A server that gives up an idle connection may say so with a 408; that answers nobody.
      const isGoodbye = answer.status === REQUEST_TIMEOUT && !answer.keepAlive;
      this.#state = { kind: "closed" };
      if (!isGoodbye) this.#events.onTwice(state.earlier);
      this.#end();
    }
  }

  #abandon(): void {
    if (this.#state.kind === "closed") return;
    this.#state = { kind: "closed" };
    this.#end();
  }

  #end(): void {
    this.#socket.destroy();
    this.#events.onClosed(this);
  }

  #onClose(): void {
    const cutShort = this.#reader.busy;
    // An answer may have no other end than this.
    if (this.#cause === "") for (const answer of this.#reader.close()) this.#onAnswer(answer);
    const state = this.#state;
    if (state.kind === "closed") return;
    this.#state = { kind: "closed" };
    if (state.kind === "free") {
      if (cutShort && state.keepAlive) this.#events.onTwice(state.earlier); // invariant 2
    } else {
      state.flight.abandon = undefined;
      if (state.kind === "connecting") this.#events.onRefused(state.flight, this.#cause || "closed");
      else this.#lose(state.flight, cutShort, state.earlier !== undefined);
    }
    this.#end();
  }

  #lose(flight: Flight, cutShort: boolean, isReused: boolean): void {
    const cause = this.#cause || (cutShort ? "closed in mid-answer" : "closed before an answer");
    const noByteCame = !cutShort && cause !== NOT_HTTP && cause !== STRANGE;
    this.#events.onLost(flight, cause, isReused && noByteCame);
  }
}
