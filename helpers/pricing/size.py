"""From records to gigabytes: what a record weighs when it is ingested."""

from decimal import ROUND_CEILING, Decimal

from helpers.pricing.prices import Number, exact

# AWS's "GB" in log prices: the tier edges are multiples of 1024, so a GB is taken as 2**30 bytes.
BYTES_PER_GB = 2**30
BYTES_PER_MB, BYTES_PER_TB = 2**20, 2**40
# "Rounded up to the nearest megabyte, with a 10 MB minimum per query" (athena.guide; Stanford rcpedia).
ATHENA_LEAST_MB = 10
# Bytes that CloudWatch Logs counts on top of each event's text. Documented for the size limit of
# PutLogEvents; whether bills for vended logs contain it is not documented, so it is a parameter everywhere.
EVENT_OVERHEAD = 26
# What a record weighs on average, without newline: measured on AWS's published examples and on 50,000
# synthetic default-format records.
TYPICAL_BYTES = {"nodata": 81, "v2": 110, "v2-ipv6": 165, "v3": 212, "v5": 252}
# Stored bytes per ingested byte. AWS's calculator assumes it; gzip on synthetic records gave 0.145.
COMPRESSION = Decimal("0.15")


def record_bytes(line: str, overhead: int = EVENT_OVERHEAD) -> int:
    """What one record costs in bytes: its UTF-8 text without newline, and the event's overhead.

    >>> record_bytes("2 123456789012 eni-1 - - - - - - - 1 2 - NODATA", overhead=0)
    47
    """
    return len(line.rstrip("\r\n").encode("utf-8")) + overhead


def gigabytes(count_of_bytes: Number) -> Decimal:
    """Bytes as billed gigabytes (2**30), exact.

    >>> gigabytes(2**29)
    Decimal('0.5')
    """
    return exact(count_of_bytes, "the number of bytes") / BYTES_PER_GB


def gigabytes_of(
    records: Number, bytes_each: Number = TYPICAL_BYTES["v2"], overhead: Number = EVENT_OVERHEAD
) -> Decimal:
    """How many gigabytes that many records are.

    >>> round(gigabytes_of(1_000_000, 110, overhead=0), 3), round(gigabytes_of(1_000_000, 110), 3)
    (Decimal('0.102'), Decimal('0.127'))
    """
    bytes_with_overhead = exact(bytes_each, "bytes_each") + exact(overhead, "overhead")
    return gigabytes(exact(records, "the number of records") * bytes_with_overhead)


def athena_terabytes(scanned: Number) -> Decimal:
    """The terabytes (2**40) that one Athena query is billed for: its bytes rounded up to a MB, at least 10 MB.

    >>> athena_terabytes(2_000) == athena_terabytes(10 * 2**20), athena_terabytes(2**40)
    (True, Decimal('1'))
    """
    megabytes = (exact(scanned, "the bytes scanned") / BYTES_PER_MB).to_integral_value(ROUND_CEILING)
    return max(megabytes, Decimal(ATHENA_LEAST_MB)) * BYTES_PER_MB / BYTES_PER_TB
