"""Detections over flow records, and how good they are.

A detection is a pure function: a table of records in (:func:`helpers.flowlogs.read_table`), findings out. Its
thresholds are arguments, for what is many in a lab is nothing in a company. A finding says what was counted, never
why somebody did it: flow records know addresses, ports, packets and verdicts, and no intent.

>>> from helpers.flowlogs import read_table
>>> line = "2 123456789012 eni-1 {} {} {} {} 6 1 60 {} {} {} OK"
>>> scan = [line.format("10.1.0.10", "10.2.1.10", 40000 + n, 20 + n, 600, 660, "REJECT") for n in range(15)]
>>> pages = [line.format("10.2.0.10", "10.1.0.10", 80, 50000 + n, 600, 660, "ACCEPT") for n in range(15)]
>>> records = read_table(scan + pages)
>>> for finding in port_scans(records):
...     print(finding)
port-scan: 10.1.0.10 -> 10.2.1.10, 15 ports
port-scan: 10.2.0.10 -> 10.1.0.10, 15 ports

The second one is a web server that answers its clients. Without what looks like an answer, it is gone:

>>> better = port_scans(requests(records))
>>> [finding.pair for finding in better]
[('10.1.0.10', '10.2.1.10')]

How good is a rule? That takes somebody who knows what really happened, the *ground truth*:

>>> truth = {("10.1.0.10", "10.2.1.10")}
>>> print(score(port_scans(records), truth))
precision 50% (1 of 2 findings is true), recall 100% (1 of 1 is found)
>>> print(score(better, truth))
precision 100% (1 of 1 finding is true), recall 100% (1 of 1 is found)

The thresholds that others publish: Panther's port scan rule wants 10 ports per pair in 60 minutes, Elastic's 50 in one
minute for a scan and 100 hosts for a sweep, Splunk's 500 ports and 250 hosts in an hour; AWS's own example alarm fires
at 10 rejected ssh connections in an hour. The defaults here are for a lab of some few interfaces.
"""

from helpers.detection.findings import Finding
from helpers.detection.rules import brute_forces, host_sweeps, port_scans, requests
from helpers.detection.score import Score, score

__all__ = ["Finding", "Score", "brute_forces", "host_sweeps", "port_scans", "requests", "score"]
