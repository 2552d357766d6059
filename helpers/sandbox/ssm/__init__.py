"""Systems Manager Run Command, all of it ours: importing this package puts its behaviours into the table.

Parameter Store (the public AMI parameters) stays with moto.
"""

from helpers.sandbox.ssm import agents, commands, invocations

__all__ = ["agents", "commands", "invocations"]
