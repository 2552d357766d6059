"""What ``python -m helpers`` does, one module per subcommand.

A package of its own because ``__main__`` has to start at once and each subcommand needs other
heavy libraries: nothing here is imported before its subcommand is asked for.

The names that other rooms may use:

>>> from helpers.commands import CommandError, ExitCode
>>> str(CommandError("there is no notebook 42", ExitCode.USAGE))
'there is no notebook 42'
"""

from helpers.commands.errors import CommandError, ExitCode

__all__ = ["CommandError", "ExitCode"]
