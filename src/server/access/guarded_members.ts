import { BrokerError } from "../../../protocol.ts";
import type {
  EngineFollower,
  EnginePublisher,
  FollowerInit,
  MemberPermit,
  PublisherInit,
  StreamFilter,
} from "../../broker/engine.ts";
import type { Audit } from "./audit.ts";
import type { Verb } from "./permissions.ts";
import { describeNeed, describePatternNeed, refuse } from "./refusal.ts";
import type { User } from "./user.ts";
import type { UserUsage } from "./user_usage.ts";

/** An open member of a session. */
interface Member {
  readonly verb: Verb;
  readonly bind: PublisherInit["bind"];
  /** The filter of its pattern. */
  filter: StreamFilter | undefined;
  /** Undefined while it is being opened. */
  port: EnginePublisher | EngineFollower | undefined;
}

/** The publishers and followers of one session, each open as long as its user may have it open. */
export class GuardedMembers {
  readonly #user: User;
  readonly #usage: UserUsage;
  readonly #audit: Audit;
  readonly #members = new Set<Member>();

  constructor(user: User, usage: UserUsage, audit: Audit) {
    this.#user = user;
    this.#usage = usage;
    this.#audit = audit;
  }

  /** Opens a member with what its user may do; throws `FORBIDDEN` if that is nothing. */
  open<Port extends EnginePublisher | EngineFollower>(
    verb: Verb,
    { bind }: PublisherInit | FollowerInit,
    open: (permit: MemberPermit) => Port,
  ): Port {
    const error = this.#findRefusal(verb, bind);
    if (error !== undefined) throw error;
    const filter = this.#filterOf(verb, bind);
    const member: Member = { verb, bind, filter, port: undefined };
    const ended = () => void this.#members.delete(member);
    const port = open({ owner: this.#user.name, filter, ended });
    member.port = port;
    this.#members.add(member);
    return port;
  }

  /** Applies changed permissions and limits. */
  reconsider(): void {
    for (const member of [...this.#members]) {
      const { verb, bind, port } = member;
      const error = this.#findRefusal(verb, bind) ?? this.#filter(member);
      if (error !== undefined) {
        this.#members.delete(member);
        port?.forbid(error);
      } else if (port !== undefined && "setAllowance" in port) {
        port.setAllowance(this.#usage.hasBytesLimit ? this.#usage : undefined);
      }
    }
  }

  /** Sets the streams that a member's pattern may find; returns the error if they are too many. */
  #filter(member: Member): BrokerError | undefined {
    const { verb, bind, port } = member;
    const filter = this.#filterOf(verb, bind);
    if (filter?.key === member.filter?.key) return undefined;
    member.filter = filter;
    try {
      port?.setFilter(filter, `user "${this.#user.name}" may not ${verb} its stream any more`);
    } catch (error) {
      if (error instanceof BrokerError) return error;
      throw error;
    }
    return undefined;
  }

  #filterOf(verb: Verb, { bindType }: Member["bind"]): StreamFilter | undefined {
    return bindType === "direct" ? undefined : this.#user.permissions.filterOf(verb);
  }

  #findRefusal(
    verb: Verb,
    { bindType, routeString }: Member["bind"],
  ): BrokerError | undefined {
    const { permissions } = this.#user;
    const isDirect = bindType === "direct";
    if (isDirect ? permissions.may(verb, routeString) : permissions.hasAny(verb)) return undefined;
    const describe = isDirect ? describeNeed : describePatternNeed;
    return refuse(this.#audit, this.#user, { ...describe(verb, routeString), stream: routeString });
  }
}
