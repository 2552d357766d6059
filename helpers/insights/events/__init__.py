"""Log events as tables: read from files or memory, typed once, named by a schema."""
