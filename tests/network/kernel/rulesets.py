"""The same rules in the words of nftables, written without looking at `helpers.network`."""

from tests.network.kernel.cases import HOSTS, PREFIX_LIST, PREFIX_LIST_CIDRS, Case, Entry, Rule


def interface_rules(case: Case, host: str) -> str:
    """The groups of a host's interface: what is established passes, else a rule of any group must allow it."""
    chains: dict[str, list[str]] = {"in": [], "out": []}
    for way, lines in chains.items():
        for group in case.members[host]:
            for rule in case.groups[f"{group} {way}"]:
                remote = _remote(case, rule)
                if remote:
                    lines.append(f"{_addresses(way, remote)} {_ports(rule)} accept")
    return _table(
        f"""
        chain in {{
            {_lines(chains["in"])}
        }}
        chain out {{
            {_lines(chains["out"])}
        }}
        chain passing {{
            type filter hook forward priority 0; policy drop;
            ct state established,related accept
            iifname "to-host" jump out
            iifname "to-subnet" jump in
        }}
        """
    )


def edge_rules(case: Case, subnet: str) -> str:
    """The ACL at the edge of a subnet: no states, the lowest number first, the rest dropped."""
    chains = {}
    for way in ("in", "out"):
        entries = sorted(case.acls[f"{subnet} {way}"], key=lambda one: one.number)
        chains[way] = [
            f"{_addresses(way, [one.cidr])} {_ports(one)} {'accept' if one.allow else 'drop'}" for one in entries
        ]
    return _table(
        f"""
        chain in {{
            {_lines(chains["in"])}
            drop
        }}
        chain out {{
            {_lines(chains["out"])}
            drop
        }}
        chain passing {{
            type filter hook forward priority 0; policy accept;
            iifname "to-core" jump in
            oifname "to-core" jump out
        }}
        """
    )


def _table(chains: str) -> str:
    return f"add table ip rules\ndelete table ip rules\ntable ip rules {{{chains}}}\n"


def _lines(lines: list[str]) -> str:
    return "\n".join(lines)


def _remote(case: Case, rule: Rule) -> list[str]:
    if rule.source == PREFIX_LIST:
        return list(PREFIX_LIST_CIDRS)
    if rule.source.startswith("sg-"):
        return [HOSTS[host] for host, groups in case.members.items() if rule.source in groups]
    return [rule.source]


def _addresses(way: str, remote: list[str]) -> str:
    return f"ip {'saddr' if way == 'in' else 'daddr'} {{ {', '.join(remote)} }}"


def _ports(rule: Rule | Entry) -> str:
    if rule.protocol == "-1":
        return ""
    if rule.protocol != "icmp":
        return f"{rule.protocol} dport {rule.first}-{rule.last}"
    kind = "ip protocol icmp" if rule.first == -1 else f"icmp type {rule.first}"
    return kind if rule.first == -1 or rule.last == -1 else f"{kind} icmp code {rule.last}"
