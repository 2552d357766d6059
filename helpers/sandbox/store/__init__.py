"""Durable files: log events in append-only segments, and files that a kill leaves whole."""
