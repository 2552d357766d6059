"""The server process: its home on disk, its lock, its HTTP server on the loopback address."""
