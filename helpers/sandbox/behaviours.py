"""The table of behaviours, filled: importing a module below puts its handlers into it.

The order is the order in which guards and followers of the same action run.
"""

from importlib import import_module

MODULES: tuple[str, ...] = (
    "iam.authorization",
    "iam.sts",
    "iam.guards",
    "iam.simulate_policy",
    "iam.replies",
    "iam.markers",
    "ec2.network_acls",
    "ec2.dependencies",
    "ec2.dry_run",
    "ec2.filters",
    "ec2.paged_lists",
    "ec2.parameter_checks",
    "ec2.security_groups",
    "ec2.security_group_references",
    "ec2.instances",
    "ec2.ipv6",
    "ec2.launches",
    "ec2.networks",
    "ec2.peering",
    "ec2.regions",
    "ec2.elastic_addresses",
    "ec2.limits",
    "ec2.tags",
    "logs.filtering",
    "logs.groups",
    "logs.lookup_tables",
    "logs.metricfilters",
    "logs.put",
    "logs.queries",
    "logs.query_definitions",
    "logs.day_loading",
    "logs.reads",
    "logs.records",
    "logs.streams",
    "logs.log_group_tags",
    "monitoring.metrics",
    "monitoring.statistics",
    "monitoring.alarms",
    "monitoring.dashboards",
    "monitoring.topics",
    "flow_logs.actions",
    "flow_logs.buckets",
    "athena.executions",
    "machines.network_traffic",
    "machines.noise",
    "machines.scripts",
    "ssm.agents",
    "ssm.public_parameters",
    "ssm.run_command",
    "ssm.invocations",
    "tagging",
    "simulated",
)


def load() -> None:
    """Fill the table. Safe to call again."""
    for module in MODULES:
        import_module(f"helpers.sandbox.{module}")
