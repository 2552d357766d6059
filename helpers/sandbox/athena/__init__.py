"""Amazon Athena, as far as the course goes: tables over files in S3, definitions and SELECT, bytes scanned."""
