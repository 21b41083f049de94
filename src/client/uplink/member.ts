/**
 * Publishers and followers as the uplink sees them: what happens to the connection happens to them.
 *
 * @module
 */

import type {
  BrokerError,
  ConfirmFields,
  DeliverFields,
  FrameDecoder,
  Refusal,
  VerdictFields,
} from "../../../protocol.ts";
import type { Link } from "../../transport/link.ts";
import type { CloseOptions } from "../member/call_options.ts";

/** A publisher or a follower. */
export interface Member {
  /** Opens itself on a new link. */
  open(link: Link): void;
  /** Writes what it has to say; called when there is a link that has room. */
  write(link: Link): void;
  /** The link is lost. */
  lose(): void;
  /** The broker stops: finishes what is under way and takes on nothing new; resolves when done. */
  finish(): Promise<void>;
  /** It is over, for good; `error` if not by the member's own wish. */
  end(error: Error | undefined): void;
  /** Ends by the user's wish. */
  close(options?: CloseOptions): Promise<void>;
}

/** A publisher. */
export interface PublishingMember extends Member {
  /** How many bytes the largest of its batches has that were sent and have no answer. */
  readonly largestSent: number;
  /** That batch was too large for the broker: it fails, and is not sent again. */
  giveUpLargest(cause: BrokerError): void;
  /** Its connection is being closed: whoever does that is told of what fails from now on. */
  expectClose(): void;
  /** The broker has stored a batch. */
  handleConfirm(fields: ConfirmFields): void;
  /** The broker has not stored a batch. */
  handleRefusal(fields: Refusal): void;
}

/** A follower. */
export interface FollowingMember extends Member {
  /** Its name. */
  readonly name: string;
  /** Messages have come; the frame is read up to its batch. */
  handleDelivery(fields: DeliverFields, frame: FrameDecoder): void;
  /** The broker has taken deliveries back. */
  handleRevocation(fields: VerdictFields): void;
}
