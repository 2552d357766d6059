"""What flow logs cost: a dated price list, its tiers in exact decimals, and an estimate of a month.

Ten terabytes are the first edge; the cheaper price holds for what lies beyond it:

>>> from helpers.pricing import estimate, gigabytes_of, price_list
>>> print(price_list("us-east-1").cost("VendedLog-Bytes", 10241))
Vended logs (flow logs) to CloudWatch Logs, Standard class: 10,240 x 0.5 + 1 x 0.25 GB = $5,120.25

A month of ten million records, kept for 30 days, and a few queries over all of it:

>>> month = estimate(gigabytes_of(10_000_000), scanned_gb=5)
>>> for row in month.rows:
...     print(row["usage"], round(row["quantity"], 3), row["unit"], round(row["amount"], 3))
VendedLog-Bytes 1.267 GB 0.633
TimedStorage-ByteHrs 0.190 GB-month 0.006
DataScanned-Bytes 5.000 GB 0.025
>>> round(month.total, 2)
Decimal('0.66')

A GB is 2**30 bytes: AWS's own tier edges are multiples of 1024. Every price carries its source, the day it was
published and a grade (D: AWS itself, T: a third party). The free tier is an option whose doubt is said. Not here: data
transfer, NAT gateways, Firehose, requests to S3, taxes; of Athena only what a query scans.
"""

from helpers.pricing.estimate import Destination, Estimate, estimate, lab_hour
from helpers.pricing.prices import Cost, Number, PriceError, PriceList, money, price_list, regions
from helpers.pricing.size import (
    COMPRESSION,
    EVENT_OVERHEAD,
    TYPICAL_BYTES,
    athena_terabytes,
    gigabytes,
    gigabytes_of,
    record_bytes,
)

__all__ = [
    "COMPRESSION",
    "EVENT_OVERHEAD",
    "TYPICAL_BYTES",
    "Cost",
    "Destination",
    "Estimate",
    "Number",
    "PriceError",
    "PriceList",
    "athena_terabytes",
    "estimate",
    "gigabytes",
    "gigabytes_of",
    "lab_hour",
    "money",
    "price_list",
    "record_bytes",
    "regions",
]
