"""VPC flow logs: the control plane's actions, which interface is covered, delivery to CloudWatch Logs and Amazon S3."""
