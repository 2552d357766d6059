"""Every benchmark, one process each: ``python -m benchmarks [name ...]``; a closing table, 1 if a target was missed."""

import pkgutil
import subprocess
import sys
import time

import benchmarks


def main(chosen: list[str]) -> int:
    """Run the named benchmarks, or all of them, in the order of their names."""
    known = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name != "__main__")
    if unknown := sorted(set(chosen) - set(known)):
        print(f"There is no benchmark {unknown[0]}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    table = []
    for name in chosen or known:
        print(f"== {name}", flush=True)
        began = time.monotonic()
        code = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
        table.append((name, time.monotonic() - began, code))
    print("\nbenchmark      seconds  result")
    for name, seconds, code in table:
        print(f"{name:12} {seconds:9.0f}  {'met' if code == 0 else 'missed' if code == 1 else f'failed ({code})'}")
    return 1 if any(code for _, _, code in table) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
