"""Do flow logs really work? Sixteen checks over one reading of an account, each finding with its evidence.

Pure: a reading goes in (``lab.reading()``, or a file of it), a report comes out. The words and severities are in
``data/health.toml``.

>>> from helpers.health import examine
>>> report = examine({"read_at": "2026-01-05T09:00:00+00:00", "region": "us-east-1", "account": "123456789012",
...     "network": {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "VpcId": "vpc-1", "SubnetId": "subnet-1",
...     "PrivateIpAddress": "10.0.0.5", "Status": "in-use", "Attachment": {"Status": "attached"}}]}})
>>> for finding in report.findings:
...     print(finding.id, finding.severity, finding)
H3 high No active flow log covers 1 network interfaces in use in vpc-1.
>>> report.outcome("H2").status
'not used here'
"""

from helpers.health.account_values import Thresholds
from helpers.health.examination import examine
from helpers.health.health_findings import SEVERITIES, CheckOutcome, Control, HealthFinding, HealthReport
from helpers.health.masking import masked_reading

__all__ = [
    "SEVERITIES",
    "CheckOutcome",
    "Control",
    "HealthFinding",
    "HealthReport",
    "Thresholds",
    "examine",
    "masked_reading",
]
