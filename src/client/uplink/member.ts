import type {
  BrokerError,
  DeliverFields,
  FrameDecoder,
  Refusal,
  VerdictFields,
} from "../../../protocol.ts";
import type { Link } from "../../transport/link.ts";
import type { CloseOptions } from "../member/call_options.ts";
import type { BatchOutcome } from "../outgoing/outgoing_batch.ts";

/** Writes to a link when it has room. */
export interface LinkWriter {
  write(link: Link): void;
}

/** A publisher or a follower as the uplink sees it: it is told what happens to the connection. */
export interface Member extends LinkWriter {
  /** Its number on the wire. */
  readonly number: number;
  /** Opens itself on a new link. */
  open(link: Link): void;
  /** The link is lost. */
  lose(): void;
  /** The broker stops: finishes its work under way; resolves when done. */
  finish(): Promise<void>;
  /** Ends it for good; without an error if it was closed here. */
  end(error: Error | undefined): void;
  close(options?: CloseOptions): Promise<void>;
}

/** A publisher as the uplink sees it. */
export interface PublishingMember extends Member {
  /** The size of its largest sent batch without an answer, in bytes. */
  readonly largestSent: number;
  /** Fails that batch: it was too large for the broker. */
  giveUpLargest(cause: BrokerError): void;
  /** Its connection is being closed: `close()` reports what fails from now on. */
  expectClose(): void;
  /** The broker has stored the batch of a sequence. */
  handleConfirm(sequence: number, outcome: BatchOutcome): void;
  /** The broker has not stored a batch. */
  handleRefusal(refusal: Refusal): void;
}

/** A follower as the uplink sees it. */
export interface FollowingMember extends Member {
  readonly name: string;
  /** Handles messages of a stream; the frame has been read up to its batch. */
  handleDelivery(fields: DeliverFields, stream: string, frame: FrameDecoder): void;
  /** The broker has taken deliveries back. */
  handleRevocation(fields: VerdictFields): void;
}

/** The publishers and followers of a connection, by their numbers. */
export class MemberTable {
  readonly publishers: Map<number, PublishingMember> = new Map();
  readonly followers: Map<number, FollowingMember> = new Map();
  #lastNumber = 0;

  /** A number that no member has had. */
  nextNumber(): number {
    return ++this.#lastNumber;
  }

  get all(): Member[] {
    return [...this.publishers.values(), ...this.followers.values()];
  }

  delete({ number }: Member): void {
    this.publishers.delete(number);
    this.followers.delete(number);
  }
}
