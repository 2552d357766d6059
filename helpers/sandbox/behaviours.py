"""The table of behaviours, filled: importing a module below puts its handlers into it."""

from importlib import import_module

MODULES: tuple[str, ...] = (
    "helpers.sandbox.permissions",
    "helpers.sandbox.sts",
    "helpers.sandbox.iam",
    "helpers.sandbox.simulation",
    "helpers.sandbox.ec2",
    "helpers.sandbox.logs",
    "helpers.sandbox.flow_logs",
    "helpers.sandbox.dataplane",
    "helpers.sandbox.machines",
    "helpers.sandbox.ssm",
)


def load() -> None:
    """Fill the table. Safe to call again."""
    for module in MODULES:
        import_module(module)
