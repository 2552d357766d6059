"""From a flow record to the rule that decided it, or to the honest list of what could have."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Literal, get_args

from helpers.flowlogs import FlowRecord
from helpers.network.addresses import AddressError, is_ipv6, parse_address
from helpers.network.compiled import Port, View, view_of
from helpers.network.model import PROTOCOLS, AclEntry, GroupRule, Route
from helpers.network.packet import SYMBOLS, Direction, Hop
from helpers.network.topology import Topology

Stage = Literal["security group", "network ACL"]
Answer = Literal["allows", "denies", "depends", "not asked"]
Agreement = Literal["by a rule", "as an answer", "perhaps", "no"]
AGREEMENTS: tuple[Agreement, ...] = get_args(Agreement)
"""Whether rules give a record's verdict, the surest first."""
_SYMBOLS: dict[Answer, str] = {
    "allows": SYMBOLS["accept"],
    "denies": SYMBOLS["reject"],
    "depends": "?",
    "not asked": "-",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """What one stage says about a record's traffic: its answer, the rule, and the reason in words."""

    stage: Stage
    answer: Answer
    decider: str
    text: str
    rule: AclEntry | GroupRule | Route | None = None

    def __str__(self) -> str:
        return f"{_SYMBOLS[self.answer]} {self.stage} {self.answer}: {self.text}"


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """Why a record says what it says.

    ``headline`` is the answer in a sentence; ``decided`` the candidate that decided, None when that cannot be told;
    ``candidates`` every stage that had a say, in the order in which the packet met them; ``notes`` what
    else to know; ``agreement`` whether these rules give the record's verdict.
    """

    headline: str
    decided: Candidate | None
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...] = ()
    agreement: Agreement = "perhaps"

    @property
    def text(self) -> str:
        """The explanation as plain lines."""
        return "\n".join(
            [self.headline, *(f"  {candidate}" for candidate in self.candidates), *(f"  note: {n}" for n in self.notes)]
        )

    @property
    def html(self) -> str:
        """The explanation as HTML that folds, in the colours of the notebook's theme."""
        rows = "".join(f"<li>{escape(str(candidate))}</li>" for candidate in self.candidates)
        notes = "".join(f"<li><em>{escape(note)}</em></li>" for note in self.notes)
        return (
            '<details open style="color:var(--jp-ui-font-color1,inherit)">'
            f"<summary>{escape(self.headline)}</summary>"
            '<ul style="list-style:none;border-left:2px solid var(--jp-border-color1,currentColor)">'
            f"{rows}{notes}</ul></details>"
        )

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.html


@dataclass(frozen=True, slots=True)
class _Flow:
    """A record's traffic as the interface met it."""

    port: Port
    direction: Direction
    local: int
    remote: int
    protocol: int
    src_port: int
    dst_port: int


def explain(
    record: FlowRecord,
    topology: Topology,
    *,
    others: Sequence[FlowRecord] = (),
    current: Topology | None = None,
) -> Explanation:
    """Explain a record with the rules in force at its time.

    ``topology`` should be the one of the record's time. ``others`` may hold further records: an ACCEPT of the other
    direction tells that the record is of an answer, which groups let pass. ``current`` is the topology of now, to say
    when the rules have changed since. A record alone never tells a group from a network ACL; where the rules leave
    both, both are shown.
    """
    if record.log_status in ("NODATA", "SKIPDATA"):
        return _without_traffic(record)
    flow = _flow(view_of(topology), record)
    if isinstance(flow, str):
        return Explanation(f"This record cannot be explained: {flow}", None, (), agreement="no")
    explanation = _explain(flow, record, topology, _answered(record, others))
    return _since(explanation, flow, topology, current)


def _without_traffic(record: FlowRecord) -> Explanation:
    if record.log_status == "NODATA":
        text = f"NODATA: nothing went to or from {record.interface_id} in this window; no rule was evaluated"
    else:
        text = (
            f"SKIPDATA: AWS skipped some records of {record.interface_id} in this window; what they held is not known"
        )
    return Explanation(text, None, ())


def _flow(view: View, record: FlowRecord) -> _Flow | str:
    port = view.ports.get(record.interface_id or "")
    if port is None:
        return f"interface {record.interface_id} is not in the topology"
    src, dst = record.pkt_srcaddr or record.srcaddr, record.pkt_dstaddr or record.dstaddr
    if src is None or dst is None or record.protocol is None:
        return "its format has no addresses or no protocol"
    try:
        source, target = parse_address(src), parse_address(dst)
    except AddressError as error:
        return str(error)
    if record.flow_direction in ("ingress", "egress"):
        egress = record.flow_direction == "egress"
    elif (source in port.addresses) != (target in port.addresses):
        egress = source in port.addresses
    else:
        return f"neither {src} nor {dst} alone is an address of {port.id}, so its direction is not known"
    local, remote = (source, target) if egress else (target, source)
    ports = record.srcport or 0, record.dstport or 0
    return _Flow(port, "egress" if egress else "ingress", local, remote, record.protocol, *ports)


def _explain(flow: _Flow, record: FlowRecord, topology: Topology, known: bool) -> Explanation:
    """``known``: whether the record is of an answer for certain."""
    view = view_of(topology)
    group = _group(view, flow, flow.direction)
    acl = _acl(view, flow)
    opposite: Direction = "ingress" if flow.direction == "egress" else "egress"
    reply = _group(view, flow, opposite, turned=True)
    stages = (group, acl) if flow.direction == "egress" else (acl, group)
    if record.action == "ACCEPT":
        return _accepted(record, stages, group, acl, reply, known)
    if known:
        group = Candidate(
            "security group", "allows", group.decider, "an answer: security groups are stateful and let it pass"
        )
        stages = (group, acl) if flow.direction == "egress" else (acl, group)
    return _rejected(record, stages, group, acl, reply, known)


def _accepted(
    record: FlowRecord,
    stages: tuple[Candidate, ...],
    group: Candidate,
    acl: Candidate,
    reply: Candidate,
    known: bool,
) -> Explanation:
    way = _way(record)
    if acl.answer == "denies":
        note = "the network ACL of this topology would reject it, so the rules were different at the record's time"
        return Explanation(f"{way} was accepted, but not by these rules", None, stages, (note,), "no")
    if group.answer == "allows" and not known:
        return Explanation(f"{way} was accepted: {group.text}", group, stages, (), "by a rule")
    if (group.answer != "allows" and reply.answer in ("allows", "depends")) or known:
        text = f"the answer to a connection that the group allows the other way ({reply.text})"
        answer = Candidate("security group", "allows", reply.decider, text, reply.rule)
        shown = tuple(answer if stage is group else stage for stage in stages)
        return Explanation(f"{way} was accepted: {text}", answer, shown, (), "as an answer")
    if group.answer == "depends":
        return Explanation(f"{way} was accepted; the record does not say by which rule", None, stages)
    note = "a tracked connection outlives its rule; otherwise the rules were different at that time"
    return Explanation(f"{way} was accepted, but no group rule here allows it", None, stages, (note,), "no")


def _rejected(
    record: FlowRecord,
    stages: tuple[Candidate, ...],
    group: Candidate,
    acl: Candidate,
    reply: Candidate,
    known: bool,
) -> Explanation:
    way = _way(record)
    if record.reject_reason:
        reason = {"BPA": "VPC Block Public Access", "EC": "encryption controls"}.get(record.reject_reason, "")
        text = f"{way} was rejected by {reason or record.reject_reason}, says its reject-reason"
        return Explanation(text, None, ())
    refusing = [stage for stage in stages if stage.answer == "denies"]
    unsure = [stage for stage in stages if stage.answer == "depends"]
    notes: list[str] = []
    if not known and len(stages) == 2 and acl.answer != "not asked":
        notes.append(
            "a record does not say whether a security group or a network ACL rejected the packet; both are shown"
        )
    if len(refusing) == 1 and not unsure:
        decided = refusing[0]
        if decided is group and reply.answer != "denies" and acl.answer != "denies" and _looks_like_an_answer(record):
            notes.append("if it was an answer, it came after its connection was closed or had expired")
        return Explanation(f"{way} was rejected by {decided.text}", decided, stages, tuple(notes), "by a rule")
    if len(refusing) == 2:
        later = f"(the {refusing[1].stage} would reject it too, but comes later)"
        text = f"{way} was rejected by {refusing[0].text} {later}"
        decided = refusing[0]
        if decided is group and _looks_like_an_answer(record):
            notes.append("if it was an answer, the stateful group let it pass, and the network ACL decided")
        return Explanation(text, decided, stages, tuple(notes), "by a rule")
    if refusing or unsure:
        return Explanation(f"{way} was rejected; these could have done it", None, stages, tuple(notes))
    notes.append("AWS also rejects packets that arrive after their connection was closed")
    notes.append("or the rules were different at the record's time: use the topology of that time")
    return Explanation(f"{way} was rejected, but these rules allow it", None, stages, tuple(notes), "no")


def _looks_like_an_answer(record: FlowRecord) -> bool:
    """Whether the sender's port is the lower one, as a server's is; what has no ports may always be an answer."""
    return (record.srcport or 0) <= (record.dstport or 0)


def _group(view: View, flow: _Flow, direction: Direction, *, turned: bool = False) -> Candidate:
    """What the groups say to the flow; ``turned``: to the conversation that it would be the answer of."""
    port, protocol = flow.port, flow.protocol
    chosen = flow.src_port if turned else flow.dst_port
    members = view.visible_groups(port.vpc_id).get(flow.remote, frozenset())
    perhaps: Hop | None = None
    for first, last, low, high, group, hop, _ in port.group_tests(direction, protocol):
        if not (first <= flow.remote <= last if group is None else group in members):
            continue
        if protocol not in (1, 58):
            if low <= chosen <= high:
                return Candidate("security group", "allows", hop.decider, hop.text, hop.rule)
        elif (low, high) == (-1, 65535):
            return Candidate("security group", "allows", hop.decider, hop.text, hop.rule)
        else:
            perhaps = perhaps or hop
    if perhaps:
        text = f"{perhaps.text}, but records do not hold the ICMP type"
        return Candidate("security group", "depends", perhaps.decider, text, perhaps.rule)
    refusal = port.refusal(direction)
    return Candidate("security group", "denies", refusal.decider, refusal.text)


def _acl(view: View, flow: _Flow) -> Candidate:
    """What the network ACL says to the flow."""
    port = flow.port
    if any(flow.remote in cidr for cidr in view.subnet_cidrs.get(port.subnet_id, ())):
        text = "both ends are in one subnet, and a network ACL filters only at its edge"
        return Candidate("network ACL", "not asked", "-", text)
    acl = view.acl(port.subnet_id)
    if flow.protocol not in (1, 58):
        allowed, hop = acl.decide(flow.direction, flow.protocol, flow.remote, flow.dst_port)
        return Candidate("network ACL", "allows" if allowed else "denies", hop.decider, hop.text, hop.rule)
    verdicts = acl.possible(flow.direction, flow.protocol, flow.remote)
    allowed, hop = verdicts[0]
    if all(verdict[0] == allowed for verdict in verdicts):
        return Candidate("network ACL", "allows" if allowed else "denies", hop.decider, hop.text, hop.rule)
    text = f"{hop.text}, but records do not hold the ICMP type"
    return Candidate("network ACL", "depends", hop.decider, text, hop.rule)


def _answered(record: FlowRecord, others: Sequence[FlowRecord]) -> bool:
    """Whether the record is of an answer: its flags hold a SYN-ACK, or another record shows that the other direction
    was accepted.
    """
    if record.protocol == 6 and (record.tcp_flags or 0) & 18 == 18:
        return True
    if record.action != "REJECT":
        return False
    turned = (record.dstaddr, record.srcaddr, record.dstport, record.srcport, record.protocol, "ACCEPT")
    return any(
        other.interface_id == record.interface_id
        and (other.srcaddr, other.dstaddr, other.srcport, other.dstport, other.protocol, other.action) == turned
        for other in others
    )


def _since(explanation: Explanation, flow: _Flow, topology: Topology, current: Topology | None) -> Explanation:
    """Add what the time of the rules has to say."""
    notes = list(explanation.notes)
    if topology.read_at is not None:
        notes.append(f"rules as read at {_time(topology.read_at)}")
    if current is not None and (port := view_of(current).ports.get(flow.port.id)) is not None:
        now = _Flow(port, flow.direction, flow.local, flow.remote, flow.protocol, flow.src_port, flow.dst_port)
        then = (_group(view_of(topology), flow, flow.direction), _acl(view_of(topology), flow))
        if then != (_group(view_of(current), now, flow.direction), _acl(view_of(current), now)):
            notes.append("the rules have changed since: now the decision, or the rule behind it, would be different")
    elif current is not None:
        notes.append(f"{flow.port.id} no longer exists")
    return replace(explanation, notes=tuple(notes))


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if moment.tzinfo else f"{moment:%Y-%m-%d %H:%M:%S}"


def _way(record: FlowRecord) -> str:
    protocol = record.protocol or 0
    name = PROTOCOLS.get(protocol, f"protocol {protocol}")
    src, dst = record.srcaddr or "-", record.dstaddr or "-"
    if protocol in (6, 17):
        src, dst = _with_port(src, record.srcport), _with_port(dst, record.dstport)
    return f"{name} {src} -> {dst} at {record.interface_id}"


def _with_port(address: str, port: int | None) -> str:
    if address != "-" and is_ipv6(parse_address(address)):
        address = f"[{address}]"
    return f"{address}:{0 if port is None else port}"
