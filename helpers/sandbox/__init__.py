"""The offline AWS: one process, one account, one journal, one virtual clock."""
