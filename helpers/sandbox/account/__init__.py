"""One account over time: calls applied in order, the virtual clock, the journal, the checkpoint."""
