"""Ask the kernel: `python -m tests.network.kernel.record [--cases N] [--changing N] [--seed N] [--out FILE]`, as root.

Prints, or writes, one JSON document: the rule sets with their probes, and where each packet stopped.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from tests.network.kernel.cases import cases
from tests.network.kernel.wires import Wires


def record(count: int, seed: int, changing: int) -> list[dict[str, Any]]:
    """Rule sets with the kernel's verdicts; the rules of the last ones change between packets."""
    with Wires() as wires:
        every = cases(count, seed, changing=changing)
        return [{**case.to_json(), "verdicts": wires.verdicts(case)} for case in every]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--changing", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    lines = [json.dumps(one, separators=(",", ":")) for one in record(given.cases, given.seed, given.changing)]
    text = "[\n" + ",\n".join(lines) + "\n]\n"
    if given.out is None:
        print(text, end="")
    else:
        given.out.write_text(text)


if __name__ == "__main__":
    main()
