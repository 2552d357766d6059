"""IAM and STS where they differ from moto: what a document may say, who may call what, keys that were issued."""
