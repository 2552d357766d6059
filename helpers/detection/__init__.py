"""Detections over flow records, and how good they are.

A detection is a pure function: a table of records in (:func:`helpers.flowlogs.read_table`), findings out. Its
thresholds are arguments, for what is many in a lab is nothing in a company. A finding says what was counted, never why
it was done: flow records know addresses, ports, packets and verdicts, and no intent.

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

How good is a rule? That takes knowledge of what really happened, the *ground truth*:

>>> truth = {("10.1.0.10", "10.2.1.10")}
>>> print(score(port_scans(records), truth))
precision 50% (1 of 2 findings is true), recall 100% (1 of 1 is found)
>>> print(score(better, truth))
precision 100% (1 of 1 finding is true), recall 100% (1 of 1 is found)

Eight detections as data (``data/detections.toml``) say what they look for, with which thresholds, and the query that
finds the same in Logs Insights:

>>> DETECTIONS["vertical-scan"].technique, DETECTIONS["vertical-scan"].thresholds["ports"]
('T1046', 10)
>>> for finding in detect("vertical-scan", records):
...     print(DETECTIONS[finding.code].say(finding))
10.1.0.10 tried 15 ports of 10.2.1.10 within an hour
>>> len(evidence(records, detect("vertical-scan", records)[0]))
15
>>> curve("vertical-scan", records, truth, threshold="ports", values=(10, 20)).recall.tolist()
[1.0, 0.0]

The thresholds that others publish: Panther's port scan rule wants 10 ports per pair in 60 minutes, Elastic's 50 in one
minute, Splunk's 500 ports in an hour; AWS's own example alarm fires at 10 rejected ssh connections in an hour. The
defaults here are for a lab of some few interfaces.
"""

from helpers.detection.catalogue import DETECTIONS, Detection
from helpers.detection.findings import Finding
from helpers.detection.flow_rules import detect, evidence
from helpers.detection.rules import brute_forces, port_scans, requests
from helpers.detection.score import Score, curve, score

__all__ = [
    "DETECTIONS",
    "Detection",
    "Finding",
    "Score",
    "brute_forces",
    "curve",
    "detect",
    "evidence",
    "port_scans",
    "requests",
    "score",
]
