"""Instances as machines: the scripts that run on them, and their traffic as flow logs capture it."""
