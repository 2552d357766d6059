"""One command's run: its clock, its output, the wire in front of it. Lives only inside one `step`."""

import math
from dataclasses import dataclass, field, replace

from helpers.traffic.draws import Draws
from helpers.traffic.model import Effect, Host, World
from helpers.traffic.wire import Wire


class Killed(Exception):
    """The program was still running at its deadline."""


class Usage(Exception):
    """The program refuses its arguments."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.text = text
        self.exit_code = exit_code


@dataclass(slots=True)
class Machine:
    """What a program can touch: its host, the wire, a clock that only it moves, two output streams,
    effects.
    """

    host: Host
    world: World
    wire: Wire
    draws: Draws
    now: float
    cwd: str = "/"
    deadline: float = math.inf
    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    def say(self, text: str) -> None:
        """One line to standard output."""
        self.stdout.append(text + "\n")

    def complain(self, text: str) -> None:
        """One line to standard error."""
        self.stderr.append(text + "\n")

    def until(self, at: float) -> None:
        """Wait until a moment (never back in time).

        Raises:
            Killed: the program's deadline comes first.
        """
        if at > self.deadline:
            self.now = self.deadline
            raise Killed
        self.now = max(self.now, at)

    def sleep(self, seconds: float) -> None:
        """Wait some seconds."""
        self.until(self.now + seconds)

    def cause(self, effect: Effect) -> None:
        """Note an effect, and see it at once in this run."""
        from helpers.traffic.model import apply_effects

        self.effects.append(effect)
        self.host = apply_effects({self.host.instance_id: self.host}, [effect]).get(self.host.instance_id, self.host)

    def sub_machine(self) -> "Machine":
        """The same machine with output streams of its own: for `$(...)`."""
        return replace(self, stdout=[], effects=[])
